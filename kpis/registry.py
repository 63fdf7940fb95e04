"""The KPIs, in the order people read them: margin, then business, customers, channels, funnel, cohorts.

Vendors disagree about most of these names, so each row states its basis and whose definition it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from polars import col

from kpis.kpi import Kpi, KpiFamily

_after_discounts = (col("revenue_gross") - col("discounts")).alias("revenue_gross − discounts")
_payback_inputs = (col("cac"), col("ltv30"), col("contribution_margin_pct"))

# One entry per KPI, as the table it is.
# fmt: off
FUNNEL: Final = (
    Kpi("session_to_pdp", "Session → product page", "percent", "up", col("pdp_views"), col("sessions"),
        doc="Sessions that saw a product page ÷ sessions. Steps count distinct sessions, not events."),
    Kpi("pdp_to_atc", "Product page → cart", "percent", "up", col("add_to_cart"), col("pdp_views"),
        doc="Sessions with an add-to-cart ÷ sessions that saw a product page."),
    Kpi("atc_to_checkout", "Cart → checkout", "percent", "up", col("checkouts"), col("add_to_cart"),
        doc="Sessions that began a checkout ÷ sessions with an add-to-cart."),
    Kpi("checkout_to_purchase", "Checkout → purchase", "percent", "up", col("purchases"), col("checkouts"),
        doc="Sessions that bought ÷ sessions that began a checkout."),
    Kpi("session_to_purchase", "Session → purchase", "percent", "up", col("purchases"), col("sessions"),
        doc="Sessions that bought ÷ sessions: the whole funnel, as the web analytics saw it."),
)

KPIS: Final[dict[str, Kpi]] = {kpi.name: kpi for kpi in (
    Kpi("contribution_margin_total", "Contribution margin", "money", "up", col("contribution_margin"),
        doc="Net revenue − COGS − shipping − operations, before marketing (Klar: CM2 less payment fees)."),
    Kpi("contribution_margin_pct", "Contribution margin %", "percent", "up",
        col("contribution_margin"), col("revenue_net"),
        doc="Contribution margin ÷ net revenue; negative when an order costs more than it brings."),
    Kpi("contribution_after_marketing", "Contribution after marketing", "money", "up",
        col("contribution_margin") - col("spend"),
        doc="Contribution margin − ad spend (Klar: CM3). Null where no spend exists to subtract."),
    Kpi("gross_margin_pct", "Gross margin %", "percent", "up",
        col("revenue_net") - col("cogs"), col("revenue_net"),
        doc="(Net revenue − COGS) ÷ net revenue (Klar: CM1 %)."),

    Kpi("revenue_net", "Net revenue", "money", "up", col("revenue_net"),
        doc="Gross − discounts − refunds, each on its own day (Shopify: net sales). No tax, no shipping."),
    Kpi("revenue_gross", "Gross revenue", "money", "up", col("revenue_gross"),
        doc="Quantity × price before discounts and refunds (Shopify: gross sales). No tax, no shipping."),
    Kpi("discounts", "Discounts", "money", "neutral", col("discounts"),
        doc="Discounts given on the window's orders (Shopify: discounts)."),
    Kpi("discount_rate", "Discount rate", "percent", "down", col("discounts"), col("revenue_gross"),
        doc="Discounts ÷ gross revenue."),
    Kpi("refunds", "Refunds", "money", "down", col("refunds"),
        doc="Money given back, on the day of the refund (Shopify: returns)."),
    Kpi("refund_rate", "Refund rate", "percent", "down", col("refunds"), _after_discounts,
        doc="Refunds of the window, also of earlier orders ÷ (gross − discounts) of the window."),
    Kpi("orders", "Orders", "count", "up", col("orders"),
        doc="Counted orders: not test, not voided, not draft."),
    Kpi("aov", "Average order value", "money", "up", _after_discounts, col("orders"),
        doc="(Gross − discounts) ÷ orders, before refunds (Shopify: average order value)."),
    Kpi("spend", "Ad spend", "money", "neutral", col("spend"),
        doc="What the ad platforms charged."),
    Kpi("mer", "MER", "ratio", "up", col("revenue_net"), col("spend"),
        doc="Marketing efficiency ratio: net revenue of the whole shop ÷ ad spend (Polar: blended ROAS)."),
    Kpi("mer_gross", "MER (gross)", "ratio", "up", col("revenue_gross"), col("spend"),
        doc="Gross revenue ÷ ad spend: the basis of the predecessor's MER and of the alert rule."),
    Kpi("amer", "aMER", "ratio", "up", col("new_customer_revenue"), col("spend"),
        doc="Acquisition MER: net revenue of new customers ÷ ad spend (Klar)."),

    Kpi("blended_cac", "Blended CAC", "money", "down", col("spend"), col("new_customers"),
        doc="All ad spend ÷ new customers, paid or not (Klar: CAC; Polar: blended CAC)."),
    Kpi("new_customers", "New customers", "count", "up", col("new_customers"),
        doc="Customers whose first counted order ever falls in the window."),
    Kpi("new_customer_share", "New customer share", "percent", "neutral", col("new_customers"), col("orders"),
        doc="New customers ÷ orders: how much of the business is acquisition."),

    Kpi("channel_cac", "Channel CAC", "money", "down", col("spend"), col("new_customers"),
        doc="A channel's spend ÷ the new customers the shop's own data gives it. Read it by channel."),
    Kpi("roas", "ROAS", "ratio", "up", col("revenue_net"), col("spend"),
        doc="Net revenue the shop's own data gives a channel ÷ its spend. Read it by channel."),
    Kpi("roas_platform", "ROAS (platform-claimed)", "ratio", "up", col("platform_value"), col("spend"),
        doc="Purchase value a platform claims ÷ its spend. Two platforms may claim the same order."),
    Kpi("claimed_ratio", "Claimed ratio", "ratio", "neutral", col("platform_conversions"), col("orders"),
        doc="Purchases the platforms claim ÷ orders. Above 1 counts double; a jump is a tracking fault."),
    Kpi("cpc", "CPC", "money", "down", col("spend"), col("clicks"),
        doc="Ad spend ÷ clicks."),
    Kpi("cpm", "CPM", "money", "down", col("spend") * 1000, col("impressions"),
        doc="Ad spend per 1,000 impressions."),
    Kpi("ctr", "CTR", "percent", "up", col("clicks"), col("impressions"),
        doc="Clicks ÷ impressions."),

    Kpi("sessions", "Sessions", "count", "up", col("sessions"),
        doc="Visits, as the web analytics counts them."),
    *FUNNEL,

    Kpi("ltv_at_days", "LTV", "money", "up", col("cohort_revenue_net"), col("cohort_size"),
        doc="Net revenue of a cohort within N days of each first order ÷ its customers (kpis.cohorts)."),
    Kpi("retention_rate", "Retention", "percent", "up", col("repeat_customers"), col("cohort_size"),
        doc="Customers of a cohort who ordered again on a later day ÷ its customers (kpis.cohorts)."),
    Kpi("payback_days", "Payback (linear estimate)", "days", "down",
        col("cac") * 30, col("ltv30") * col("contribution_margin_pct"), requires=_payback_inputs,
        doc="Days to earn CAC back if LTV30 kept coming evenly; kpis.cohorts has it from the real curve."),

    # abs(): a relative change exists for any previous but 0, and keeps the sign of what it is divided by.
    Kpi("percent_change", "Change", "percent", "neutral",
        col("current") - col("previous"), col("previous"), requires=(col("previous").abs(),),
        doc="(Current − previous) ÷ previous, signed: from -100 to -50 is -50 %."),
    Kpi("percentage_point_change", "Change in points", "percent", "neutral", col("current") - col("previous"),
        doc="Current − previous, of two fractions: 0.55 after 0.50 is 5 points."),
)}

funnel_cvr: Final = KpiFamily("funnel_cvr", "Funnel conversion", FUNNEL,
    doc="The four steps from session to purchase, and the whole way.")

HEADLINE: Final = (
    "contribution_margin_total", "revenue_net", "revenue_gross", "orders", "aov", "spend", "mer",
    "blended_cac", "new_customers", "contribution_margin_pct", "sessions", "session_to_purchase",
)
# fmt: on


def find(names: Iterable[str]) -> list[Kpi]:
    """The KPIs of these names, in this order, once each. Raises ValueError naming close matches."""
    found: dict[str, Kpi] = {}
    for name in names:
        if name not in KPIS:
            close = get_close_matches(name, KPIS) or list(KPIS)
            raise ValueError(f"no KPI is called {name!r}; did you mean {', '.join(close)}?")
        found[name] = KPIS[name]
    return list(found.values())
