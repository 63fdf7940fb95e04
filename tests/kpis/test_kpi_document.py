"""The page of KPIs says what the registry says, and the registry says all that it should."""

from decimal import Decimal
from pathlib import Path

import pytest

from kpis import KPIS, MEASURES, rollup
from kpis.document import document
from kpis.engine import of_measures
from kpis.kpi import BASES
from kpis.registry import NOT_KNOWN, find

PAGE = Path(__file__).parents[2] / "docs" / "kpis.md"
CANON = """
revenue_gross revenue_net aov discount_rate refund_rate gross_margin_pct contribution_margin_pct
contribution_after_marketing_pct blended_cac channel_cac roas_platform roas mer amer claimed_ratio new_customer_share
retention_rate ltv_at_days ltv_to_cac payback_days cpm cpc ctr
session_to_pdp pdp_to_atc atc_to_checkout checkout_to_purchase session_to_purchase
"""
REFUNDED = {
    "refunds",
    "revenue_net",
    "new_customer_revenue",
    "cogs",
    "shipping_cost",
    "ops_cost",
    "contribution_margin",
}


def test_the_page_is_what_the_registry_says() -> None:
    assert PAGE.read_text() == document(), "make it anew: python -m kpis.document > docs/kpis.md"


def test_the_canon_is_here_or_says_why_not() -> None:
    assert set(CANON.split()) <= set(KPIS)
    for name, why in NOT_KNOWN.items():
        assert name not in KPIS
        assert name in document()
        with pytest.raises(ValueError, match=f"{name} cannot be computed: {why[:20]}"):
            find([name])


@pytest.mark.parametrize("kpi", KPIS.values(), ids=KPIS)
def test_each_declaration_is_whole(kpi) -> None:
    assert kpi.doc.endswith(".")
    assert kpi.source
    assert kpi.basis in BASES
    assert (kpi.basis == "event") == (of_measures(kpi) and bool(REFUNDED & set(kpi.measures)))


@pytest.mark.parametrize("kpi", KPIS.values(), ids=KPIS)
def test_a_formula_is_what_is_computed(kpi) -> None:
    inputs = {name: Decimal(90 - 7 * place) for place, name in enumerate(kpi.measures)}
    arithmetic = kpi.formula.translate(str.maketrans("−×÷", "-*/"))
    value = eval(arithmetic, {}, inputs)
    if kpi.unit == "days":
        value = int(value + Decimal("0.5"))
    assert kpi(**inputs) == pytest.approx(float(value))


def test_every_kpi_of_the_measures_is_computed_by_the_engine(state_of) -> None:
    names = [kpi.name for kpi in KPIS.values() if of_measures(kpi)]
    ones = state_of(dict.fromkeys(MEASURES, 1) | {"revenue_gross": 3})
    assert rollup(ones, names).collect().row(0, named=True).keys() == set(names)
    assert all(value is not None for value in rollup(ones, names).collect().row(0))
