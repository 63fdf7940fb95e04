"""How a warehouse's connections are opened."""

import pytest
from adbc_driver_postgresql import dbapi

from warehouse.database import Warehouse, query
from warehouse.quoting import literal


def test_only_the_first_of_the_open_connections_reads_the_databases_types(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[str] = []
    connect = dbapi.connect

    def counted(url: str) -> dbapi.Connection:
        whole.append(url)
        return connect(url)

    monkeypatch.setattr(dbapi, "connect", counted)
    for times in (1, 2):
        with warehouse.as_tenant("ours") as one, warehouse.as_tenant("ours") as another:
            pids = {query(cursor, "SELECT pg_backend_pid() AS pid").item() for cursor in (one, another)}
            assert len(pids) == 2
        assert len(whole) == times
        warehouse.close()  # nobody knows them any more


def test_a_text_with_a_zero_character_ends_no_statement(warehouse: Warehouse) -> None:
    """As an API's error may have one, and the ledger keeps its words."""
    with warehouse.as_tenant("ours") as cursor:
        assert query(cursor, "SELECT " + literal("it's a\0b") + " AS said, 1 AS more").row(0) == ("it's ab", 1)
