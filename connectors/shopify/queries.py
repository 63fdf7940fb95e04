"""What is asked of Shopify, as GraphQL text; one declaration of an object's fields serves page, follow-up and bulk.

Connections are sized so that a full page of 250 stays below the 1,000 points that one query may cost. What
does not fit in an object's first page of a connection is asked for by the object's id. Whatever is too much at once is
asked for in smaller pages, and an object that is too much by itself without its connections, each of which is then
asked for by itself: so nothing that Shopify holds is too big to be asked for.
https://shopify.dev/docs/api/admin-graphql/2026-10
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PAGE_INFO = "pageInfo { hasNextPage endCursor }"
SALES, SALES_OF_DETAILS = 100, 25  # of an agreement: when agreements are walked one by one, and at first
CHANGED, CREATED = "updated_at", "created_at"


@dataclass(frozen=True, slots=True)
class Operation:
    """A named GraphQL document."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection inside an object of type `owner`; `first` of its nodes come with the object.

    `types` are the types of its nodes: in a bulk result children say their type, not their connection. With
    none given, they are of whatever type no other connection's are.
    """

    owner: str
    name: str
    first: int
    fields: str
    types: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        return self._page(f"first: {self.first}")

    @property
    def bulk(self) -> str:
        return f"{self.name} {{ edges {{ node {{ __typename {self.fields} }} }} }}"

    @property
    def rest(self) -> Operation:
        """The nodes after a cursor, of the owner with an id."""
        name = f"{self.owner}{self.name[0].upper()}{self.name[1:]}"
        page = self._page("first: $first, after: $after")
        variables = "$id: ID!, $first: Int!, $after: String"
        return Operation(name, f"query {name}({variables}) {{ node(id: $id) {{ ... on {self.owner} {{ {page} }} }} }}")

    def _page(self, arguments: str) -> str:
        return f"{self.name}({arguments}) {{ nodes {{ {self.fields} }} {PAGE_INFO} }}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A stream's root connection, the fields of its nodes, and the connections inside each.

    `by` is the instant that a slice is about: when things changed last, or when they were created.
    """

    root: str
    fields: str
    connections: tuple[Connection, ...] = ()
    by: str = CHANGED

    @property
    def page(self) -> Operation:
        return self._page("", (self.fields, *(connection.page for connection in self.connections)))

    @property
    def bare(self) -> Operation:
        """A page without the connections inside its nodes."""
        return self._page("Bare", (self.fields,))

    @property
    def count(self) -> Operation:
        """How many there are; without its limit, a count stops at 10,000."""
        field = f"{self.root}Count"
        name = field[0].upper() + field[1:]
        text = f"query {name}($query: String!) {{ {field}(query: $query, limit: null) {{ count precision }} }}"
        return Operation(name, text)

    def searched(self, start: datetime, end: datetime) -> str:
        """What is about [start, end), in Shopify's search syntax.

        The instants are whole seconds, rounded alike wherever slices meet.
        """
        return f"{self.by}:>='{_second(start)}' AND {self.by}:<'{_second(end)}'"

    def _page(self, kind: str, fields: Iterable[str]) -> Operation:
        name = f"{self.root.capitalize()}{kind}{'Created' if self.by == CREATED else ''}"
        return Operation(
            name,
            f"query {name}($first: Int!, $after: String, $query: String!) {{ "
            f"{self.root}(first: $first, after: $after, sortKey: {self.by.upper()}, query: $query) {{ "
            f"nodes {{ {' '.join(fields)} }} {PAGE_INFO} }} }}",
        )

    def bulk(self, search: str) -> str:
        """The document that a bulk operation runs; it takes no variables."""
        inner = " ".join([self.fields, *(connection.bulk for connection in self.connections)])
        return f'{{ {self.root}(query: "{search}") {{ edges {{ node {{ {inner} }} }} }} }}'


def _second(at: datetime) -> str:
    whole = at.astimezone(UTC)
    whole += timedelta(microseconds=-whole.microsecond % 1_000_000)
    return whole.strftime("%Y-%m-%dT%H:%M:%SZ")


BAG = "{ shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }"
CUSTOMER_OF = "customer { id }"
PRODUCT_OF = "product { id productType }"
VARIANT_OF = "variant { id }"
UNIT_COST = "inventoryItem { unitCost { amount currencyCode } }"
EMAIL = "email"
EMAIL_OF = "defaultEmailAddress { emailAddress }"
SOME_ORDERS = f"orders(first: 10) {{ nodes {{ id {EMAIL} }} }}"
SOME_CUSTOMERS = f"customers(first: 10) {{ nodes {{ id {EMAIL_OF} }} }}"

PROTECTED = "protected customer data"
"""The approval for e-mail addresses, which is no scope."""

NEEDS: Mapping[str, str] = {
    CUSTOMER_OF: "read_customers",
    PRODUCT_OF: "read_products",
    VARIANT_OF: "read_products",
    UNIT_COST: "read_inventory",
    SOME_ORDERS: "read_orders",
    SOME_CUSTOMERS: "read_customers",
    EMAIL: PROTECTED,
    EMAIL_OF: PROTECTED,
}
"""The scope, or the approval, that a selection needs; without it the whole query would be refused."""


def granted(text: str, held: Collection[str]) -> str:
    """The text without the selections that the scopes and approvals do not allow; writing implies reading."""
    for selection, need in NEEDS.items():
        if need not in held and need.replace("read_", "write_") not in held:
            text = re.sub(rf"(?<!\w){re.escape(selection)}(?!\w)", "", text)
    return text


VISIT = "{ occurredAt landingPage referrerUrl source sourceType utmParameters { source medium campaign content term } }"
TRANSACTION = f"id kind status gateway processedAt test amountSet {BAG}"
ORDER = f"""
    id legacyResourceId name createdAt processedAt updatedAt cancelledAt cancelReason test edited
    displayFinancialStatus sourceName currencyCode presentmentCurrencyCode taxesIncluded dutiesIncluded
    {EMAIL} {CUSTOMER_OF} shippingAddress {{ countryCodeV2 provinceCode }} discountCodes
    totalDiscountsSet {BAG} subtotalPriceSet {BAG}
    totalShippingPriceSet {BAG} totalTaxSet {BAG} totalPriceSet {BAG} currentTotalPriceSet {BAG}
    totalRefundedSet {BAG} totalTipReceivedSet {BAG} originalTotalDutiesSet {BAG} currentTotalDutiesSet {BAG}
    totalCashRoundingAdjustment {{ paymentSet {BAG} refundSet {BAG} }}
    customerJourneySummary {{
        ready customerOrderIndex daysToConversion momentsCount {{ count }} firstVisit {VISIT} lastVisit {VISIT}
    }}
    transactions {{ {TRANSACTION} }}
    refunds {{ id createdAt }}
"""
LINE_ITEMS = Connection(
    "Order",
    "lineItems",
    50,
    f"""
    id title sku quantity currentQuantity isGiftCard {PRODUCT_OF} {VARIANT_OF}
    originalUnitPriceSet {BAG} discountAllocations {{ allocatedAmountSet {BAG} }}
    taxLines {{ priceSet {BAG} }} duties {{ id price {BAG} }}
    """,
    ("LineItem",),
)
AGREEMENT = "id happenedAt reason"
AGREEMENTS = Connection("Order", "agreements", 5, AGREEMENT)
SALE = f"""
    id actionType lineType quantity totalAmount {BAG} totalTaxAmount {BAG}
    totalDiscountAmountBeforeTaxes {BAG} totalDiscountAmountAfterTaxes {BAG}
    ... on ProductSale {{ lineItem {{ id }} }} ... on GiftCardSale {{ lineItem {{ id }} }}
    ... on TipSale {{ lineItem {{ id }} }}
"""
REFUND_CONNECTIONS = (
    Connection(
        "Refund",
        "refundLineItems",
        25,
        f"id quantity restockType subtotalSet {BAG} totalTaxSet {BAG} lineItem {{ id }}",
    ),
    Connection("Refund", "refundShippingLines", 5, f"id subtotalAmountSet {BAG} taxAmountSet {BAG}"),
    Connection("Refund", "orderAdjustments", 5, f"id reason amountSet {BAG} taxAmountSet {BAG}"),
    Connection("Refund", "transactions", 5, TRANSACTION),
)
REFUND = f"id createdAt totalRefundedSet {BAG} duties {{ amountSet {BAG} originalDuty {{ id }} }}"
REFUND_PAGE = " ".join([REFUND, *(connection.page for connection in REFUND_CONNECTIONS)])

ORDER_DETAILS = Operation(
    "OrderDetails",
    f"""query OrderDetails($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Order {{
        id refunds {{ {REFUND_PAGE} }}
        agreements(first: {AGREEMENTS.first}) {{
            nodes {{ {AGREEMENT} sales(first: {SALES_OF_DETAILS}) {{ nodes {{ {SALE} }} {PAGE_INFO} }} }} {PAGE_INFO}
        }}
    }} }} }}""",
)
"""What an order has beyond the plain one, which is sold once and never touched again: refunds, further agreements."""

ORDER_REFUNDS = Operation(
    "OrderRefunds",
    f"query OrderRefunds($id: ID!) {{ node(id: $id) {{ ... on Order {{ id refunds {{ {REFUND} }} }} }} }}",
)
"""An order's refunds without their connections."""

ORDER_AGREEMENT = Operation(
    "OrderAgreement",
    f"""query OrderAgreement($id: ID!, $first: Int!, $after: String, $sale: String) {{ node(id: $id) {{ ... on Order {{
        agreements(first: 1, after: $after) {{
            nodes {{ {AGREEMENT} sales(first: $first, after: $sale) {{ nodes {{ {SALE} }} {PAGE_INFO} }} }} {PAGE_INFO}
        }}
    }} }} }}""",
)
"""One agreement of an order and a page of its sales: an agreement cannot be asked for by its own id."""

VARIANTS = Connection("Product", "variants", 50, f"id sku price {UNIT_COST}", ("ProductVariant",))

LISTINGS: Mapping[str, Listing] = {
    "shopify/orders": Listing("orders", ORDER, (LINE_ITEMS, AGREEMENTS)),
    "shopify/customers": Listing(
        "customers",
        f"""
        id createdAt updatedAt {EMAIL_OF} numberOfOrders
        amountSpent {{ amount currencyCode }} defaultAddress {{ countryCodeV2 provinceCode }} tags
        """,
    ),
    "shopify/products": Listing("products", "id title productType vendor status createdAt updatedAt", (VARIANTS,)),
}
"""What each stream lists, by the stream's key."""

IDS: Mapping[str, Listing] = {"shopify/orders": Listing("orders", "id", by=CREATED)}
"""What a census lists. An order that was deleted is no revenue any more; a product or a customer that was deleted still
explains the orders that there were, and one who has ordered cannot even be deleted."""

SHOP = Operation("Shop", "query Shop { shop { id name myshopifyDomain ianaTimezone currencyCode createdAt } }")
SCOPES = Operation("Scopes", "query Scopes { currentAppInstallation { accessScopes { handle } } }")
APPROVALS = Operation("Approvals", f"query Approvals {{ shop {{ id }} {SOME_ORDERS} {SOME_CUSTOMERS} }}")
"""What needs an approval, of a few: not every order and customer has an address that could be refused."""

BULK = "id status errorCode createdAt completedAt query objectCount rootObjectCount fileSize url"
BULK_RUN = Operation(
    "BulkRun",
    "mutation BulkRun($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: false) "
    f"{{ bulkOperation {{ {BULK} }} userErrors {{ code message }} }} }}",
)
BULK_STATE = Operation("BulkState", f"query BulkState($id: ID!) {{ bulkOperation(id: $id) {{ {BULK} }} }}")
BULK_OWN = Operation(
    "BulkOwn",
    f"query BulkOwn {{ bulkOperations(first: 25) {{ nodes {{ {BULK} }} }} }}",
)
BULK_CANCEL = Operation(
    "BulkCancel",
    "mutation BulkCancel($id: ID!) { bulkOperationCancel(id: $id) "
    f"{{ bulkOperation {{ {BULK} }} userErrors {{ field message }} }} }}",
)

OPERATIONS: tuple[Operation, ...] = (
    *(listing.page for listing in (*LISTINGS.values(), *IDS.values())),
    *(listing.bare for listing in LISTINGS.values() if listing.connections),
    *(listing.count for listing in LISTINGS.values()),
    *(connection.rest for connection in (LINE_ITEMS, AGREEMENTS, *REFUND_CONNECTIONS, VARIANTS)),
    ORDER_DETAILS,
    ORDER_REFUNDS,
    ORDER_AGREEMENT,
    SHOP,
    SCOPES,
    APPROVALS,
    BULK_RUN,
    BULK_STATE,
    BULK_OWN,
    BULK_CANCEL,
)
"""Everything that is ever asked."""
