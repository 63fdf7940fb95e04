"""How the page looks: one column that a phone, a desktop, a printer and a mail client show alike, light and dark."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5b6776; --line: #dfe4ea; --page: #ffffff; --card: #f5f7f9;
  --accent: #2f6fb3; --was: #d08b2c; --up: #1e8554; --down: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #9aa7b5; --line: #323b46; --page: #14181d;
  --card: #1d232a; --accent: #5d9fe3; --was: #e3a853; --up: #4cbf87; --down: #ef7b6e; } }
* { box-sizing: border-box; }
html { background: var(--page); }
body { margin: 0 auto; max-width: 60rem; padding: 1.75rem 1.25rem 3rem; color: var(--ink); background: var(--page);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 2rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); font-size: 1.1rem; }
h3 { margin: 1.5rem 0 .25rem; font-size: 1rem; }
p, ul, ol { margin: .4rem 0; }
ul, ol { padding-left: 1.2rem; }
li { margin: .3rem 0; overflow-wrap: anywhere; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: .15em; }
code { font: .85em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.brand, .soft { color: var(--soft); }
.brand { margin: 0; font-weight: 600; letter-spacing: .02em; }
.lead { margin-top: .5rem; font-size: 1.05rem; }
.soft { font-size: .87rem; }
.restated { padding: .5rem .75rem; border-left: 3px solid var(--was); background: var(--card); }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: .75rem; margin: .75rem 0; }
.charts { display: flex; flex-wrap: wrap; gap: 1.25rem 2rem; margin: .75rem 0; }
.card { padding: .7rem .85rem; border-radius: .5rem; background: var(--card); }
.card b { display: block; font-size: 1.35rem; line-height: 1.3; }
.charts > * { flex: 1 1 19rem; min-width: 0; }
.good { color: var(--up); } .bad { color: var(--down); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .32rem .5rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { padding-left: 0; text-align: left; white-space: normal; }
.bar { display: block; height: 5px; margin-top: 2px; border-radius: 2px; background: var(--accent); }
.heat th, .heat td + td { text-align: center; } .heat td:first-child { white-space: nowrap; }
.severity { font-weight: 700; } .critical { color: var(--down); } .warning { color: var(--was); }
svg { display: block; width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--soft); }
svg .title { font-weight: 600; fill: var(--ink); }
svg .now { fill: var(--accent); } svg .up { fill: var(--up); } svg .down { fill: var(--down); }
svg .was { stroke: var(--was); stroke-width: 2.5; } svg .mark { stroke: var(--ink); stroke-width: 2; }
.appendix { break-before: page; }
section { break-inside: avoid; }
:target { background: var(--card); }
@media (max-width: 32rem) { body { padding: 1rem .9rem 2rem; } table { font-size: .8rem; } th, td { padding: .3rem; }
  .cards { grid-template-columns: repeat(2, 1fr); } }
@media print { body { max-width: none; padding: 0; font-size: 11px; } h2 { margin-top: 1rem; } }
""".strip()
