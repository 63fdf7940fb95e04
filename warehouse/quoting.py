"""Names and values as SQL writes them."""


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def qualified(table: str) -> str:
    """`schema.table` quoted for SQL."""
    return ".".join(quoted(part) for part in table.split(".", 1))


def literal(value: str) -> str:
    """An SQL string literal, without zero characters: no text of PostgreSQL can hold one, and it would end the SQL."""
    return "'" + value.replace("\0", "").replace("'", "''") + "'"
