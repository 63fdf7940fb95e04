"""The demo, end to end: a real Dagster run over a real PostgreSQL."""

from growthos_assets import load


def test_demo_orders(demo: str) -> None:
    assert 5_200 <= load("marts/fact_orders", tenant="acme").height <= 5_600
