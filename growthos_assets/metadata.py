"""What the UI shows of a table: its columns and their origin, a preview, a picture."""

import base64
import zlib
from typing import Any

import dagster as dg
import polars as pl

from growthos_assets.charts import Chart
from growthos_assets.table import Declaration, reads
from warehouse.contract import Table, schema_of
from warehouse.ddl import type_name

PREVIEW_ROWS = 8
PREVIEW_COLUMNS = 12
PREVIEW_LETTERS = 40
PNG = b"\x89PNG\r\n\x1a\n"
"""How every PNG begins."""


def column_schema(contract: type[Table]) -> dg.TableSchema:
    """The contract's columns with types, sentences and rules, for the Columns tab."""
    key = contract.__spec__.key
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                type_name(contract, name),
                col.description,
                dg.TableColumnConstraints(
                    nullable=bool(col.nullable),
                    unique=(name,) == key,
                    other=[str(rule.error or rule.name) for rule in col.checks],
                ),
                tags={"key": ""} if name in key else {},
            )
            for name, col in schema_of(contract).columns.items()
        ]
    )


def column_sources(declaration: Declaration) -> dict[str, list[tuple[type[Table], str]]]:
    """Which upstream columns each column comes from.

    Those that its contract names; else the column of the same name in the first table, of those that the transform
    reads, that has one.
    """
    upstream = {contract.__spec__.name: contract for contract in reads(declaration.transform)}
    sources: dict[str, list[tuple[type[Table], str]]] = {}
    for name, col in schema_of(declaration.contract).columns.items():
        named = (col.metadata or {}).get("sources")
        if named is not None:
            pairs = [str(source).split(".") for source in named]
            sources[name] = [(upstream[table], column) for table, column in pairs]
        else:
            having = [contract for contract in upstream.values() if name in schema_of(contract).columns]
            sources[name] = [(contract, name) for contract in having[:1]]
    return sources


def column_lineage(declaration: Declaration) -> dg.TableColumnLineage:
    """`column_sources` as Dagster keeps it."""
    return dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(dg.AssetKey([contract.__spec__.schema, contract.__spec__.name]), column)
                for contract, column in sources
            ]
            for name, sources in column_sources(declaration).items()
            if sources
        }
    )


def preview(frame: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """The first rows as a Markdown table."""
    head = frame.head(PREVIEW_ROWS).select(frame.columns[:PREVIEW_COLUMNS])
    rows = [head.columns, ["---"] * head.width, *(map(_cell, row) for row in head.iter_rows())]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(row)} |" for row in rows))


def _cell(value: Any) -> str:
    """One line that no bar can break out of: campaign names are full of them."""
    text = "" if value is None else str(value)
    if len(text) > PREVIEW_LETTERS:
        text = text[:PREVIEW_LETTERS] + "…"
    return " ".join(text.split()).replace("|", "\\|")


def date_range(frame: pl.DataFrame) -> str | None:
    """The first and last day of the frame's first date column, e.g. "2025-08-14 – 2026-02-09"."""
    dates = [name for name, dtype in frame.schema.items() if dtype == pl.Date]
    if not dates or frame.is_empty():
        return None
    return f"{frame[dates[0]].min()} – {frame[dates[0]].max()}"


def shown(thing: str | Chart) -> dg.MarkdownMetadataValue:
    """A chart as a PNG inside Markdown; a text as the Markdown that it is."""
    if isinstance(thing, str):
        return dg.MetadataValue.md(thing)
    return dg.MetadataValue.md(f"![chart](data:image/png;base64,{base64.b64encode(_packed(thing.png())).decode()})")


def _packed(png: bytes) -> bytes:
    """The same picture, deflated anew: the renderer hardly does, and the event log keeps what every run has drawn."""
    chunks: list[tuple[bytes, bytes]] = []
    at = len(PNG)
    while at < len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at + 8 : end]))
        at = end + 4  # the checksum
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    header = [(kind, data) for kind, data in chunks if kind not in (b"IDAT", b"IEND")]
    packed = [*header, (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    return PNG + b"".join(
        len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in packed
    )
