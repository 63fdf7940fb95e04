"""`growthos tenant` and `growthos tenants`: settings are stored, checked, and felt by the numbers."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from warehouse import tenants

Growthos = Callable[..., Any]


def test_a_tenant_is_created_with_its_settings(database: str, growthos: Growthos) -> None:
    done = growthos(
        "tenant", "create", "shop", "--timezone", "Europe/Paris", "--currency", "EUR", "--margin", "Apparel=0.6",
        "--margin", "toys=0.35", "--shipping-rate", "0.1", "--threshold", "cac_increase.threshold=0.2", "--keep-pii",
    )  # fmt: skip
    assert done.code == 0, done.err
    shop = tenants.get("shop")
    assert (shop.timezone, shop.currency, shop.keep_pii) == ("Europe/Paris", "EUR", True)
    assert (shop.category_margins["apparel"], shop.category_margins["toys"]) == (Decimal("0.6"), Decimal("0.35"))
    assert (shop.shipping_rate, shop.ops_rate) == (Decimal("0.1"), Decimal("0.05"))
    assert shop.alert_thresholds == {"cac_increase": {"threshold": 0.2}}


def test_what_is_not_named_stays(database: str, growthos: Growthos) -> None:
    growthos("tenant", "create", "shop", "--timezone", "Europe/Paris", "--currency", "EUR", "--ops-rate", "0.07")
    growthos("tenant", "set", "shop", "--name", "The Shop", "--clock", "2026-02-10")
    shop = tenants.get("shop")
    assert (shop.name, shop.timezone, shop.ops_rate) == ("The Shop", "Europe/Paris", Decimal("0.07"))
    assert shop.clock_at is not None
    assert shop.clock_at.isoformat() == "2026-02-09T23:00:00+00:00"
    growthos("tenant", "set", "shop", "--clock", "real")
    assert tenants.get("shop").clock_at is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--margin", "apparel"], "is not name=value"),
        (["--margin", "apparel=much"], "is not a number"),
        (["--ops-rate", "2"], "must be at least 0 and below 1"),
        (["--threshold", "cac_rise.threshold=1"], "no alert rule is called"),
        (["--threshold", "cac_increase.limit=1"], "has no threshold"),
        (["--clock", "yesterday"], "not an ISO date"),
        (["--timezone", "Mars/Olympus"], "not an IANA time zone"),
        (["--currency", "euro"], "not an ISO 4217 currency code"),
    ],
)
def test_a_wrong_setting_is_refused_in_words(database: str, growthos: Growthos, options: list[str], says: str) -> None:
    growthos("tenant", "create", "shop", "--timezone", "Europe/Paris", "--currency", "EUR")
    before = tenants.get("shop")
    done = growthos("tenant", "set", "shop", *options)
    said = " ".join(done.err.replace("│", " ").split())
    assert done.code == 2
    assert says in said
    assert tenants.get("shop") == before


def test_a_tenants_own_threshold_silences_its_alert(demo: str, growthos: Growthos) -> None:
    def firing() -> list[str]:
        return [alert["id"] for alert in growthos("alerts", "-t", "acme", "--format", "json").document["alerts"]]

    assert "cac_increase" in firing()
    growthos("tenant", "set", "acme", "--threshold", "cac_increase.threshold=0.29")
    assert "cac_increase" not in firing()
