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
_after_marketing = (col("contribution_margin") - col("spend")).alias("contribution_margin − spend")
_after_goods = (col("revenue_net") - col("cogs")).alias("revenue_net − cogs")
_per_mille = (col("spend") * 1000).alias("spend × 1000")
_difference = (col("current") - col("previous")).alias("current − previous")
_payback_inputs = (col("cac"), col("ltv30"), col("contribution_margin_pct"))
_month_cac = (col("cac") * 30).alias("cac × 30")
_month_margin = (col("ltv30") * col("contribution_margin_pct")).alias("ltv30 × contribution_margin_pct")
_ltv_margin = (col("ltv") * col("contribution_margin_pct")).alias("ltv × contribution_margin_pct")

# One entry per KPI, as the table it is.
# fmt: off
FUNNEL: Final = (
    Kpi("session_to_pdp", "Session → product page", "percent", "up", col("pdp_views"), col("sessions"),
        basis="analytics", source="our own, of GA4's itemViewEvents and sessions",
        doc="Product pages seen ÷ sessions."),
    Kpi("pdp_to_atc", "Product page → cart", "percent", "up", col("add_to_cart"), col("pdp_views"),
        basis="analytics", source="our own, of GA4's addToCarts and itemViewEvents",
        doc="Additions to the cart ÷ product pages seen."),
    Kpi("atc_to_checkout", "Cart → checkout", "percent", "up", col("checkouts"), col("add_to_cart"),
        basis="analytics", source="our own, of GA4's checkouts and addToCarts",
        doc="Checkouts begun ÷ additions to the cart."),
    Kpi("checkout_to_purchase", "Checkout → purchase", "percent", "up", col("purchases"), col("checkouts"),
        basis="analytics", source="our own, of GA4's ecommercePurchases and checkouts",
        doc="Purchases ÷ checkouts begun."),
    Kpi("session_to_purchase", "Session → purchase", "percent", "up", col("purchases"), col("sessions"),
        basis="analytics", source="our own, of GA4's ecommercePurchases and sessions",
        doc="Purchases ÷ sessions: the whole funnel, as the web analytics saw it."),
)

KPIS: Final[dict[str, Kpi]] = {kpi.name: kpi for kpi in (
    Kpi("contribution_margin_total", "Contribution margin", "money", "up", col("contribution_margin"),
        basis="event", source="Klar: CM2, less payment fees",
        doc="Net revenue − COGS − shipping − operations, before marketing."),
    Kpi("contribution_margin_pct", "Contribution margin %", "percent", "up",
        col("contribution_margin"), col("revenue_net"),
        basis="event", source="Klar: CM2 %, less payment fees",
        doc="Contribution margin ÷ net revenue; negative when an order costs more than it brings."),
    Kpi("contribution_after_marketing", "Contribution after marketing", "money", "up", _after_marketing,
        basis="event", source="Klar: CM3",
        doc="Contribution margin − ad spend. Null where no spend exists to subtract."),
    Kpi("contribution_after_marketing_pct", "Contribution after marketing %", "percent", "up",
        _after_marketing, col("revenue_net"),
        basis="event", source="Klar: CM3 %",
        doc="What ads leave of the contribution margin ÷ net revenue. Null where no spend exists to subtract."),
    Kpi("gross_margin_pct", "Gross margin %", "percent", "up", _after_goods, col("revenue_net"),
        basis="event", source="Klar: CM1 %",
        doc="(Net revenue − COGS) ÷ net revenue."),

    Kpi("revenue_net", "Net revenue", "money", "up", col("revenue_net"),
        basis="event", source="Shopify: net sales",
        doc="Gross − discounts − refunds, each on its own day. No tax, no shipping."),
    Kpi("revenue_gross", "Gross revenue", "money", "up", col("revenue_gross"),
        basis="sale", source="Shopify: gross sales",
        doc="Quantity × price before discounts and refunds. No tax, no shipping."),
    Kpi("discounts", "Discounts", "money", "neutral", col("discounts"),
        basis="sale", source="Shopify: discounts",
        doc="Discounts given on the window's orders."),
    Kpi("discount_rate", "Discount rate", "percent", "down", col("discounts"), col("revenue_gross"),
        basis="sale", source="our own, in Shopify's terms",
        doc="Discounts ÷ gross revenue."),
    Kpi("refunds", "Refunds", "money", "down", col("refunds"),
        basis="event", source="Shopify: returns",
        doc="Money given back, on the day of the refund."),
    Kpi("refund_rate", "Refund rate", "percent", "down", col("refunds"), _after_discounts,
        basis="event", source="our own, in Shopify's terms",
        doc="Refunds of the window, also of earlier orders ÷ (gross − discounts) of the window. On the order basis "
            "what came back of the window's own orders, which young windows do not know yet."),
    Kpi("orders", "Orders", "count", "up", col("orders"),
        basis="sale", source="Shopify: orders",
        doc="Counted orders: not test, not voided, not draft."),
    Kpi("aov", "Average order value", "money", "up", _after_discounts, col("orders"),
        basis="sale", source="Shopify: average order value",
        doc="(Gross − discounts) ÷ orders, before refunds."),
    Kpi("spend", "Ad spend", "money", "neutral", col("spend"),
        basis="ads", source="Meta: amount spent; Google Ads: cost",
        doc="What the ad platforms charged."),
    Kpi("mer", "MER", "ratio", "up", col("revenue_net"), col("spend"),
        basis="event", source="Polar: blended ROAS, on net revenue instead of total sales",
        doc="Marketing efficiency ratio: net revenue of the whole shop ÷ ad spend."),
    Kpi("mer_gross", "MER (gross)", "ratio", "up", col("revenue_gross"), col("spend"),
        basis="sale", source="the predecessor's MER",
        doc="Gross revenue ÷ ad spend: the basis of the predecessor's MER and of the alert rule."),
    Kpi("amer", "aMER", "ratio", "up", col("new_customer_revenue"), col("spend"),
        basis="event", source="Klar: aMER",
        doc="Acquisition MER: net revenue of new customers ÷ ad spend."),

    Kpi("blended_cac", "Blended CAC", "money", "down", col("spend"), col("new_customers"),
        basis="sale", source="Klar: CAC",
        doc="All ad spend ÷ new customers, paid or not."),
    Kpi("new_customers", "New customers", "count", "up", col("new_customers"),
        basis="sale", source="Klar: new customers",
        doc="Customers whose first counted order ever falls in the window."),
    Kpi("new_customer_share", "New customer share", "percent", "neutral", col("new_customers"), col("orders"),
        basis="sale", source="our own",
        doc="New customers ÷ orders: how much of the business is acquisition."),

    Kpi("channel_cac", "Channel CAC", "money", "down", col("spend"), col("new_customers"),
        basis="sale", source="our own: Klar's CAC, by channel",
        doc="A channel's spend ÷ the new customers the shop's own data gives it. Read it by channel."),
    Kpi("roas", "ROAS", "ratio", "up", col("revenue_net"), col("spend"),
        basis="event", source="our own, of first-party revenue",
        doc="Net revenue the shop's own data gives a channel ÷ its spend. Read it by channel."),
    Kpi("roas_platform", "ROAS (platform-claimed)", "ratio", "up", col("platform_value"), col("spend"),
        basis="ads", source="Meta: purchase ROAS; Google Ads: conv. value ÷ cost",
        doc="Purchase value a platform claims ÷ its spend. Two platforms may claim the same order."),
    Kpi("claimed_ratio", "Claimed ratio", "ratio", "neutral", col("platform_conversions"), col("orders"),
        basis="sale", source="our own",
        doc="Purchases the platforms claim ÷ orders. Above 1 counts double; a jump is a tracking fault."),
    Kpi("cpc", "CPC", "money", "down", col("spend"), col("clicks"),
        basis="ads", source="Meta: CPC (link click); Google Ads: avg. CPC",
        doc="Ad spend ÷ clicks."),
    Kpi("cpm", "CPM", "money", "down", _per_mille, col("impressions"),
        basis="ads", source="Meta: CPM; Google Ads: avg. CPM",
        doc="Ad spend per 1,000 impressions."),
    Kpi("ctr", "CTR", "percent", "up", col("clicks"), col("impressions"),
        basis="ads", source="Meta: CTR (link click); Google Ads: CTR",
        doc="Clicks ÷ impressions."),

    Kpi("sessions", "Sessions", "count", "up", col("sessions"),
        basis="analytics", source="GA4: sessions",
        doc="Visits, as the web analytics counts them."),
    *FUNNEL,

    Kpi("ltv_at_days", "LTV", "money", "up", col("revenue_net"), col("mature_customers"),
        basis="order", source="Polar: LTV, on net revenue instead of total sales",
        doc="Net revenue of a cohort within N days of each first order ÷ its customers of that age."),
    Kpi("ltv_margin", "LTV, contribution margin", "money", "up", col("contribution_margin"), col("mature_customers"),
        basis="order", source="our own, on margin: LTV of revenue would flatter",
        doc="Contribution margin of a cohort within N days of each first order ÷ its customers of that age."),
    Kpi("orders_per_customer", "Orders per customer", "ratio", "up", col("orders"), col("mature_customers"),
        basis="order", source="our own",
        doc="Orders of a cohort within N days of each first order, that one too ÷ its customers of that age."),
    Kpi("retention_rate", "Retention", "percent", "up", col("returned_customers"), col("mature_customers"),
        basis="sale", source="our own",
        doc="Customers of a cohort who ordered again on a later day, within N days ÷ its customers of that age."),
    Kpi("repeat_rate", "Repeat rate", "percent", "up", col("repeat_customers"), col("mature_customers"),
        basis="sale", source="our own",
        doc="Customers of a cohort with a second order, be it on the first day, within N days ÷ its customers of that "
            "age."),
    Kpi("retention_month", "Retention by month", "percent", "up", col("active_customers"), col("mature_customers"),
        basis="sale", source="our own",
        doc="Customers of a cohort who ordered in the Nth calendar month after that of their first order ÷ those for "
            "whom that month is over."),
    Kpi("ltv_to_cac", "LTV : CAC", "ratio", "up", _ltv_margin, col("cac"),
        basis="order", source="our own, on margin: LTV of revenue would flatter",
        doc="What a cohort's customers leave within N days ÷ what they cost. LTV and CAC of the same cohort."),
    Kpi("payback_days", "Payback (linear estimate)", "days", "down", _month_cac, _month_margin,
        requires=_payback_inputs,
        basis="order", source="the predecessor's payback",
        doc="Days to earn CAC back if LTV30 kept coming evenly; kpis.cohorts has it from the real curve."),

    # abs(): a relative change exists for any previous but 0, and keeps the sign of what it is divided by.
    Kpi("percent_change", "Change", "percent", "neutral", _difference, col("previous"),
        requires=(col("previous").abs(),),
        basis="given", source="arithmetic",
        doc="(Current − previous) ÷ previous, signed: from -100 to -50 is -50 %."),
    Kpi("percentage_point_change", "Change in points", "percent", "neutral", _difference,
        basis="given", source="arithmetic",
        doc="Current − previous, of two fractions: 0.55 after 0.50 is 5 points."),
)}

funnel_cvr: Final = KpiFamily("funnel_cvr", "Funnel conversion", FUNNEL,
    doc="The four steps from session to purchase, and the whole way.")

HEADLINE: Final = (
    "contribution_margin_total", "revenue_net", "revenue_gross", "orders", "aov", "spend", "mer",
    "blended_cac", "new_customers", "contribution_margin_pct", "sessions", "session_to_purchase",
)

NOT_KNOWN: Final[dict[str, str]] = {
    "revenue_total": "it needs shipping charged, tax and duties by day: kpi_daily holds revenue alone, and an order's "
        "duties are not kept",
    "payment_fees": "no source tells what a payment cost; contribution margin is before payment fees",
}
"""What people may look for, and why it is no KPI here."""
# fmt: on


def find(names: Iterable[str]) -> list[Kpi]:
    """The KPIs of these names, in this order, once each. Raises ValueError naming close matches, or why it is none."""
    found: dict[str, Kpi] = {}
    for name in names:
        if name in NOT_KNOWN:
            raise ValueError(f"{name} cannot be computed: {NOT_KNOWN[name]}")
        if name not in KPIS:
            close = get_close_matches(name, KPIS) or list(KPIS)
            raise ValueError(f"no KPI is called {name!r}; did you mean {', '.join(close)}?")
        found[name] = KPIS[name]
    return list(found.values())
