"""Names and values as SQL writes them."""

from datetime import datetime


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def qualified(table: str) -> str:
    """`schema.table` quoted for SQL."""
    return ".".join(quoted(part) for part in table.split(".", 1))


def literal(value: str) -> str:
    """An SQL string literal, without zero characters: no text of PostgreSQL can hold one, and it would end the SQL."""
    return "'" + value.replace("\0", "").replace("'", "''") + "'"


def instant(at: datetime | None) -> str:
    """An instant as SQL, NULL for none; ValueError without a time zone, which the session's would stand in for."""
    if at is None:
        return "NULL"
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} needs a time zone: write e.g. {at.isoformat()}+00:00.")
    return f"{literal(at.isoformat())}::timestamptz"
