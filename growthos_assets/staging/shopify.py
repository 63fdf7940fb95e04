"""Shopify payloads, decoded once for the tables that share them: the header of an order, customers, amounts.

An order is one record: if its header cannot be trusted, its lines and refunds are held back with it, for the
same reasons, so that the tables made from it always speak of the same orders.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.raw.shopify import ShopifyCustomers, ShopifyOrders
from growthos_assets.staging.kinds import AMOUNT, FLAG, ID, LOWER_ID, TEXT, Kind, instant
from growthos_assets.staging.parse import DataType, decoded, foreign_currency, later_than, note, parse
from warehouse.contract import MONEY
from warehouse.tenants import Tenant

MONEY_BAG = pl.Struct({"shopMoney": pl.Struct({"amount": pl.String})})
"""An amount in the shop's currency; the customer's (presentmentMoney) is never summed."""

PRESENTED = pl.Struct({"presentmentMoney": pl.Struct({"amount": pl.String, "currencyCode": pl.String})})
"""An amount in the currency that the customer was shown."""

UTM = pl.Struct(dict.fromkeys(("source", "medium", "campaign"), pl.String))
VISIT = pl.Struct({"landingPage": pl.String, "referrerUrl": pl.String, "utmParameters": UTM})
ADDRESS = pl.Struct({"countryCodeV2": pl.String, "provinceCode": pl.String})
HEADER: Mapping[str, DataType] = {
    "id": pl.String,
    "name": pl.String,
    "processedAt": pl.String,
    "cancelledAt": pl.String,
    "test": pl.String,
    "edited": pl.String,
    "displayFinancialStatus": pl.String,
    "sourceName": pl.String,
    "currencyCode": pl.String,
    "taxesIncluded": pl.String,
    "dutiesIncluded": pl.String,
    "email": pl.String,
    "customer": pl.Struct({"id": pl.String}),
    "shippingAddress": ADDRESS,
    "subtotalPriceSet": MONEY_BAG,
    "totalDiscountsSet": MONEY_BAG,
    "totalShippingPriceSet": MONEY_BAG,
    "totalTaxSet": MONEY_BAG,
    "totalTipReceivedSet": MONEY_BAG,
    "originalTotalDutiesSet": MONEY_BAG,
    "totalPriceSet": PRESENTED,
    "customerJourneySummary": pl.Struct({"lastVisit": VISIT}),
}

LINE = pl.Struct(
    {
        "id": pl.String,
        "title": pl.String,
        "sku": pl.String,
        "quantity": pl.String,
        "isGiftCard": pl.String,
        "product": pl.Struct({"productType": pl.String}),
        "variant": pl.Struct({"id": pl.String}),
        "originalUnitPriceSet": MONEY_BAG,
        "discountAllocations": pl.List(pl.Struct({"allocatedAmountSet": MONEY_BAG})),
        "taxLines": pl.List(pl.Struct({"priceSet": MONEY_BAG})),
        "duties": pl.List(pl.Struct({"price": MONEY_BAG})),
    }
)
RETURNED = pl.Struct(
    {
        "id": pl.String,
        "quantity": pl.String,
        "restockType": pl.String,
        "subtotalSet": MONEY_BAG,
        "totalTaxSet": MONEY_BAG,
        "lineItem": pl.Struct({"id": pl.String}),
    }
)
ADJUSTMENT = pl.Struct({"id": pl.String, "reason": pl.String, "amountSet": MONEY_BAG, "taxAmountSet": MONEY_BAG})
REFUND = pl.Struct(
    {
        "id": pl.String,
        "createdAt": pl.String,
        "refundLineItems": pl.Struct({"nodes": pl.List(RETURNED)}),
        "orderAdjustments": pl.Struct({"nodes": pl.List(ADJUSTMENT)}),
    }
)
SALE = pl.Struct(
    {
        "id": pl.String,
        "actionType": pl.String,
        "lineType": pl.String,
        "quantity": pl.String,
        "totalAmount": MONEY_BAG,
        "totalTaxAmount": MONEY_BAG,
        "lineItem": pl.Struct({"id": pl.String}),
    }
)
AGREEMENT = pl.Struct(
    {"id": pl.String, "happenedAt": pl.String, "reason": pl.String, "sales": pl.Struct({"nodes": pl.List(SALE)})}
)
NESTED: Mapping[str, DataType] = {
    "lineItems": pl.Struct({"nodes": pl.List(LINE)}),
    "refunds": pl.List(REFUND),
    "agreements": pl.Struct({"nodes": pl.List(AGREEMENT)}),
}

KINDS: Mapping[str, Kind] = {
    "order_id": ID,
    "order_name": TEXT,
    "processed_at": instant(),
    "cancelled_at": instant(),
    "is_test": FLAG,
    "is_edited": FLAG,
    "status": TEXT,
    "source_name": TEXT,
    "currency": TEXT,
    "taxes_included": FLAG,
    "duties_included": FLAG,
    "email_hash": LOWER_ID,
    "customer_id": ID,
    "region": TEXT,
    "subtotal": AMOUNT,
    "source_discounts": AMOUNT,
    "shipping_charged": AMOUNT,
    "tax": AMOUNT,
    "tip": AMOUNT,
    "duties": AMOUNT,
    "landing_url": TEXT,
    "referrer": TEXT,
    "utm_source": TEXT,
    "utm_medium": TEXT,
    "utm_campaign": TEXT,
}
REQUIRED = (
    "order_id", "processed_at", "is_test", "currency", "taxes_included",
    "subtotal", "source_discounts", "shipping_charged", "tax",
)  # fmt: skip
DEFAULTS = {"is_edited": "false", "duties_included": "false", "tip": "0", "duties": "0"}


def orders(shopify_orders: LazyFrame[ShopifyOrders], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    """One row per raw order: its header, typed, with `_problems`; what it is made of decoded, each leaf as text.

    `is_told` says that its agreements tell every sale. The others are plain: their lines are their sales.
    """
    agreements = pl.col("agreements").struct["nodes"]
    tells = agreements.list.eval(pl.element().struct["sales"].struct["nodes"].is_not_null())
    visit = pl.col("customerJourneySummary").struct["lastVisit"]
    utm = visit.struct["utmParameters"]
    presented = pl.col("totalPriceSet").struct["presentmentMoney"].struct
    header = decoded(shopify_orders, {**HEADER, **NESTED}).select(
        "seen_at",
        *NESTED,
        is_told=((agreements.list.len() > 0) & tells.list.all()).fill_null(False),
        order_id="id",
        order_name="name",
        processed_at="processedAt",
        cancelled_at="cancelledAt",
        is_test="test",
        is_edited="edited",
        status="displayFinancialStatus",
        source_name="sourceName",
        currency="currencyCode",
        taxes_included="taxesIncluded",
        duties_included="dutiesIncluded",
        email_hash="email",
        customer_id=pl.col("customer").struct["id"],
        region=region(pl.col("shippingAddress")),
        subtotal=amount(pl.col("subtotalPriceSet")),
        source_discounts=amount(pl.col("totalDiscountsSet")),
        shipping_charged=amount(pl.col("totalShippingPriceSet")),
        tax=amount(pl.col("totalTaxSet")),
        tip=amount(pl.col("totalTipReceivedSet")),
        duties=amount(pl.col("originalTotalDutiesSet")),
        presentment_currency=presented["currencyCode"],
        presentment_total=presented["amount"].cast(MONEY, strict=False),  # for audit alone: it holds no order back
        landing_url=visit.struct["landingPage"],
        referrer=visit.struct["referrerUrl"],
        utm_source=utm.struct["source"],
        utm_medium=utm.struct["medium"],
        utm_campaign=utm.struct["campaign"],
    )
    return note(
        parse(header, KINDS, required=REQUIRED, defaults=DEFAULTS),
        foreign_currency(tenant),
        later_than(now, "processed_at"),
    )


Orders = Annotated[pl.LazyFrame, orders]
"""The shop's orders as a transform's parameter."""


def customers(shopify_customers: LazyFrame[ShopifyCustomers]) -> pl.LazyFrame:
    """One row per raw customer: customer_id, email_hash, created_at, region and `_problems`."""
    people = decoded(
        shopify_customers,
        {
            "id": pl.String,
            "createdAt": pl.String,
            "defaultEmailAddress": pl.Struct({"emailAddress": pl.String}),
            "defaultAddress": ADDRESS,
        },
    ).select(
        customer_id="id",
        created_at="createdAt",
        email_hash=pl.col("defaultEmailAddress").struct["emailAddress"],
        region=region(pl.col("defaultAddress")),
    )
    kinds = {"customer_id": ID, "created_at": instant(), "email_hash": LOWER_ID, "region": TEXT}
    return parse(people, kinds, required=("customer_id",))


Customers = Annotated[pl.LazyFrame, customers]
"""The shop's customers as a transform's parameter."""


def amount(bag: pl.Expr) -> pl.Expr:
    """The text of a MoneyBag's amount in the shop's currency."""
    return bag.struct["shopMoney"].struct["amount"]


def amounts(bags: pl.Expr, field: str) -> pl.Expr:
    """The amounts of the MoneyBags called `field` in a list of objects, null where one is no amount."""
    return bags.list.eval(amount(pl.element().struct[field]).cast(MONEY, strict=False))


def total(amounts: pl.Expr) -> pl.Expr:
    """Σ of a list of amounts: 0 for an empty or absent one, null when it holds a null."""
    complete = amounts.list.len() == amounts.list.drop_nulls().list.len()
    return pl.when(complete.fill_null(True)).then(amounts.list.sum().fill_null(0))


def region(address: pl.Expr) -> pl.Expr:
    """Country and, where there is one, province: US-NY, DE."""
    country, province = address.struct["countryCodeV2"], address.struct["provinceCode"]
    return pl.concat_str(country, pl.when(country.is_not_null()).then(province), separator="-", ignore_nulls=True)
