"""The data dictionary: docs/tables.md, made from the contracts.

python -m growthos_assets.dictionary > docs/tables.md
"""

from collections.abc import Iterator

from growthos_assets import graph
from growthos_assets.metadata import column_sources
from growthos_assets.table import TABLES
from warehouse.contract import Table, description_of, schema_of
from warehouse.ddl import type_name
from warehouse.ops import OPS


def document() -> str:
    """The whole dictionary as Markdown: a section per table, a row per column."""
    contracts: list[type[Table]] = [*OPS, *graph.streams(), *graph.stored_contracts()]
    lines = [
        "# Tables",
        "",
        "Made from the contracts by `python -m growthos_assets.dictionary`; a test keeps it true. Every table also has",
        "`tenant_id`, first in its key, and a forced row-level policy on it.",
    ]
    for contract in contracts:
        lines += ["", *_section(contract)]
    return "\n".join(lines) + "\n"


def _section(contract: type[Table]) -> Iterator[str]:
    spec = contract.__spec__
    yield f"## {spec.qualified}"
    yield ""
    yield description_of(contract)
    yield ""
    yield "| column | type | | from |"
    yield "|---|---|---|---|"
    declared = TABLES.get(spec.name)
    sources = column_sources(declared) if declared else {}
    for name, col in schema_of(contract).columns.items():
        kind = type_name(contract, name)
        marks = [kind, "null"] if col.nullable else [kind]
        origin = ", ".join(f"{table.__spec__.name}.{column}" for table, column in sources.get(name, []))
        label = f"**{name}**" if name in spec.key else name
        yield f"| {label} | {' '.join(marks)} | {col.description} | {origin} |"
    checks = declared.checks if declared else []
    yield from [""] if checks else []
    for check in checks:
        says = " ".join((check.function.__doc__ or "").split())
        yield f"- `{check.name}` ({'blocks the publish' if check.blocking else 'warns'}): {says}"


if __name__ == "__main__":
    print(document(), end="")
