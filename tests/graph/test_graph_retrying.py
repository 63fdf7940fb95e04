"""What passes by itself is tried again, in the same run; what does not is not."""

from collections.abc import Callable

import polars as pl
import psycopg
import pytest
from graph_runs import BY_HAND, Graph, Result
from graph_shop import land, orders

from growthos_assets import load, retrying, table_assets
from growthos_assets.staging.order_lines import StgOrderLines
from growthos_assets.table import Contract

STEP = "staging/stg_order_lines"
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def trouble(shop: str, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Result, int]]:
    """Runs the step, which meets these one after the other, just before it publishes; how often it was tried."""
    monkeypatch.setattr(retrying, "SECONDS", 0.01)
    quarantine_rows = table_assets._quarantine_rows

    def run(*errors: Callable[[], object], subtotal: str = "10.00") -> tuple[Result, int]:
        land("shop", "shopify/orders", orders(1, subtotal=subtotal))
        tries: list[int] = []

        def meet(bad: pl.DataFrame, contract: Contract, run_id: str) -> pl.DataFrame:
            if contract is StgOrderLines:
                tries.append(1)
                if len(tries) <= len(errors):
                    errors[len(tries) - 1]()
            return quarantine_rows(bad, contract, run_id)

        monkeypatch.setattr(table_assets, "_quarantine_rows", meet)
        return graph.run("shop", "staging/stg_orders", STEP, job=BY_HAND), len(tries)

    return run


def test_a_step_whose_connection_breaks_is_run_again(
    trouble: Callable[..., tuple[Result, int]], owner: psycopg.Connection
) -> None:
    def cut() -> None:
        owner.execute(CUT)

    run, tries = trouble(cut)
    assert run.success, run.failures
    assert tries == 2
    assert load(STEP, "shop").height == 1


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        pytest.param(ConnectionError("gone"), 3, id="trouble that lasts ends the step"),
        pytest.param(ValueError("a mistake of ours"), 1, id="a mistake is none"),
        pytest.param(KeyboardInterrupt(), 1, id="a stop is none"),
    ],
)
def test_it_is_not_run_again_forever_nor_for_anything(
    trouble: Callable[..., tuple[Result, int]], error: BaseException, tries: int
) -> None:
    def fail() -> None:
        raise error

    run, tried = trouble(*[fail] * 5)
    assert not run.success
    assert tried == tries
    assert type(error).__name__ in run.failures[STEP]


def test_what_may_not_be_published_is_not_tried_again(trouble: Callable[..., tuple[Result, int]]) -> None:
    run, tried = trouble(subtotal="99.00")
    assert "header_matches_lines failed" in run.failures[STEP]
    assert tried == 1
