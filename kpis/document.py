"""The KPIs as a page: docs/kpis.md, made from the registry.

python -m kpis.document > docs/kpis.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kpis.engine import DIMENSIONS, KNOWN, dimensions, of_measures
from kpis.kpi import BASES, Kpi
from kpis.registry import KPIS, NOT_KNOWN

_BETTER = {"up": "higher", "down": "lower", "neutral": "neither"}

_HEAD = """\
# KPIs

Made from the registry by `python -m kpis.document`; a test keeps it true. A KPI is a sum of measures, or a sum over a
sum, divided last: so it is right by any key that it can be read by. Without a usable denominator it is null, and says
why. The measures are the columns of `kpi_daily` in [tables.md](tables.md).
"""

_BASES = """\
A refund has two days: its own, and that of the order that it gives back. `kpi_daily`, and so all that is made from it,
is on the **event** basis: a refund never changes an earlier day, as in the shop's own reports. On the **order** basis
it restates the day of its order, as cohorts, LTV and an order's margin need it: `fact_orders` is on it, and any KPI of
basis event can be read so: `growthos kpis --tenant acme --basis order`, or
`growthos explain refund_rate --tenant acme --basis order`. Over the whole history both are the same. The order basis
flatters young windows, most of whose refunds are still to come. Wherever KPIs are shown, a line says which it is.
"""

_KNOWN = """\
A KPI of the shop's measures and of what others report has a value in a window only if both are known of the same days
of it: spend that is known for the last week of a month, over the customers of the whole month, is no CAC. It is null
then, and the reason says since when that is known: `spend is known from 2026-01-27 on`. A sum of one measure, such as
ad spend, stays: it is true of the days that are known. Only the beginning counts: a later day without spend, or a
channel that stopped, blanks nothing.

A window is held against another only if all that the KPI is made of was known from that one's first day on: else there
is nothing before and no change, and the reason says since when it is known, such as `previous period: not known before
2025-10-01`. The shop is known from its first order on, what platforms and analytics report from the first day on which
any of them reported it. An explanation has no contributions then.

Of ads, a channel of which only imported files tell is known from their first day on: before it nobody knows whether
there was spend. All spend, and so CAC or MER, of a window before that day is not held against one after it (`spend of
google is known from 2026-05-01 on`), and a window in the midst of which it lies has no CAC. A file that tells of an
earlier day, with a spend of 0, says that the channel is new. A platform that is synced is asked for all of its
history, so that it always is: there a new channel is new spend. Each channel by itself is held against its own days,
whatever the others do. An account beside another of the same channel is not told apart.

## What only some tell

A ratio of two measures that others report, such as CPM, CPC, CTR, platform ROAS and the steps of the funnel, is over
the rows of `kpi_daily` (day, channel and campaign) that tell both: what was spent on a campaign of which nobody tells
the impressions is no part of the CPM. It stays a part of ad spend, of CAC and of MER. So a ratio is that of what is
known, and not null for the sake of one newsletter without clicks; where no row tells both, it is null. `kpis.rollup`,
`kpis.compare` and `explain` pair so; whoever calls a KPI with numbers, or uses its `expr()`, gives sums that belong
together. Traffic is by day and channel: where one of its sources does not tell a step there, the step is unknown.
"""

_WHY = """\
`growthos explain blended_cac --tenant acme --by channel_id` takes a change apart. A sum moves by what its members
moved. A ratio moves because members became better or worse (**rate**: mean weight × change of the member's own ratio);
because more or less of the whole comes from better or worse ones (**mix**: change of weight × how far the member is
above the whole, both at the mean of the two windows); and by numerators of members that have no denominator
(**unmatched**: spend that brought no new customer). The parts sum to the change in the last of ten decimals; nothing is
left over. With `--behind channel_id=meta` it also lists the rows of the facts behind a member, and the raw records that
each was made from.
"""

_SOURCES = """\
Shopify's terms as <https://help.peelinsights.com/docs/revenue> quotes them; Polar: <https://intercom.help/polar-app>,
articles 5649166 and 6665698; Klar: <https://help.getklar.com>, articles 6127736, 6127773, 6129925 and 15341939. A
vendor is named where the formula is theirs, and what differs is said; one that is nobody's in particular is our own.
"""


def document() -> str:
    """The whole page as Markdown."""
    of_state = [kpi for kpi in KPIS.values() if of_measures(kpi)]
    others = [kpi for kpi in KPIS.values() if not of_measures(kpi)]
    lines = [
        _HEAD,
        *_table(("basis", "counts"), ((f"**{name}**", text) for name, text in BASES.items())),
        "",
        _BASES,
        "## From the measures",
        "",
        *_table(
            ("KPI", "is", "formula", "unit", "better", "basis", "source"),
            (_row(kpi) for kpi in of_state),
        ),
        "",
        "## From cohorts and numbers",
        "",
        "Called with the numbers of the formula: `kpis.ltv_to_cac(ltv=180, contribution_margin_pct=0.4, cac=60)`.",
        "`kpis.cohorts` has LTV and retention by cohort, and payback from the cohort's real margin;",
        "`growthos explain retention_rate --tenant acme --age 60` takes those of mature customers apart.",
        "",
        *_table(("KPI", "is", "formula", "unit", "better", "basis", "source"), (_row(kpi) for kpi in others)),
        "",
        "## What a KPI can be read by",
        "",
        f"Sums over lines and refunds are known by {_listed(DIMENSIONS)}.",
        "The other measures are not known by all of these, and a KPI made from them is refused there, with the reason:",
        "",
        *_table(
            ("measures", "known by", "because"),
            ((_listed(known.measures), _listed(known.dimensions), known.why) for known in KNOWN),
        ),
        "",
        *_table(("read by", "KPIs"), _by_dimensions(of_state)),
        "",
        "## Where the history begins",
        "",
        _KNOWN,
        "## Why it moved",
        "",
        _WHY,
        "## Whose definitions",
        "",
        _SOURCES,
        "## What is not here",
        "",
        *_table(("name", "because"), ((f"`{name}`", why) for name, why in NOT_KNOWN.items())),
    ]
    return "\n".join(lines) + "\n"


def _row(kpi: Kpi) -> tuple[str, ...]:
    return (
        f"**{kpi.label}** `{kpi.name}`",
        kpi.doc,
        f"`{kpi.formula}`",
        kpi.unit,
        _BETTER[kpi.good],
        kpi.basis,
        kpi.source,
    )


def _by_dimensions(kpis: Iterable[Kpi]) -> Iterator[tuple[str, str]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for kpi in kpis:
        groups.setdefault(dimensions(kpi), []).append(kpi.name)
    for names, members in groups.items():
        yield _listed(names), _listed(members)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    print(document(), end="")
