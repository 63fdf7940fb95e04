"""The formats of files that people export, each read as a frame without judging a value."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TextIO

import msgspec
import polars as pl

UNREADABLE = "unreadable"
"""The column of a line that could not be parsed, word for word."""

UNREADABLE_LINE = "unreadable_line"
"""The column of its number."""

TWIN = "_duplicated_0"
"""What polars adds to a column's name that is there already."""


SEPARATOR = re.compile(r'"?sep=(.)"?$', re.IGNORECASE)
"""What Excel writes above the header, for whoever reads it with other settings."""


class ImportFileError(Exception):
    """The file can't be read as what it is said to be; the message says what to change."""


def read(path: Path) -> pl.DataFrame:
    """The file's rows; the ending says the format. CSV and JSONL give text alone, Parquet the types that it has.

    ImportFileError when it is not there, holds no row, or is not what its ending says.
    """
    if not path.is_file():
        raise ImportFileError(f"There is no file {path}.")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ImportFileError(f"{path.name}: can't tell the format. Save it as one of {', '.join(READERS)}.")
    if path.stat().st_size == 0:
        raise ImportFileError(f"{path.name} is empty.")
    try:
        frame = reader(path)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, csv.Error, OSError) as error:
        first = str(error).strip().splitlines()[0].rstrip(".")
        hint = "Export it again" + ("" if reader is _read_parquet else " as UTF-8, with a header row")
        raise ImportFileError(f"{path.name} can't be read as {path.suffix[1:]}: {first}. {hint}.") from None
    if frame.is_empty():
        raise ImportFileError(f"{path.name} holds no row.")
    return frame


def _read_csv(path: Path) -> pl.DataFrame:
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    named = SEPARATOR.match(first)
    separator = named[1] if named else max(",;\t|", key=first.count)
    above = 1 if named else 0
    try:
        frame = pl.read_csv(path, separator=separator, infer_schema=False, glob=False, skip_lines=above)
    except pl.exceptions.ComputeError:
        _refuse_broken_rows(path, separator, above)
        raise
    says = pl.any_horizontal(pl.all().str.strip_chars() != "")  # an empty last line, or a spreadsheet's ,,, is no row
    return _stripped(frame.filter(says.fill_null(False)))


def _stripped(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with no space around its columns' names; a name that is there already gets a TWIN."""
    names = list[str]()
    for name in map(str.strip, frame.columns):
        while name in names:
            name += TWIN
        names.append(name)
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def _refuse_broken_rows(path: Path, separator: str, above: int) -> None:
    """A row with more fields than the header has no place for them, and a quote may end nowhere: say which row."""
    lines: list[str] = []  # of the row that is read

    def noted(file: TextIO) -> Iterator[str]:
        for line in file:
            lines.append(line)
            yield line

    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(noted(file), delimiter=separator, strict=True)
        width, begins = 0, above + 1
        try:
            for row in islice(rows, above, None):
                width = width or len(row)
                if len(row) > width:
                    raise ImportFileError(
                        f"{path.name}: line {rows.line_num} has {len(row)} fields, the header has {width}. "
                        f"Put values that hold a {separator!r} in double quotes, or export the file again."
                    )
                if "".join(lines).count('"') % 2:
                    raise csv.Error
                lines.clear()
                begins = rows.line_num + 1
        except csv.Error:
            raise ImportFileError(
                f"{path.name}: a double quote of the row that begins in line {begins} is not closed, or stands inside "
                'a value. Close it, or put the whole value in quotes and write it twice there: "24"" screen".'
            ) from None


def _read_parquet(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path, glob=False)


def _read_jsonl(path: Path) -> pl.DataFrame:
    """Each line by itself: values keep their text, and a line that is no JSON object lands with what it says."""
    rows: list[dict[str, str | None]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        try:
            values = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            rows.append({UNREADABLE: line.strip(), UNREADABLE_LINE: str(number)})
            continue
        rows.append({name: _json_text(bytes(value)) for name, value in values.items()})
    return pl.DataFrame(rows, infer_schema_length=None)


READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".txt": _read_csv,
    ".parquet": _read_parquet,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}


def _json_text(value: bytes) -> str | None:
    if value == b"null":
        return None
    return msgspec.json.decode(value, type=str) if value.startswith(b'"') else value.decode()
