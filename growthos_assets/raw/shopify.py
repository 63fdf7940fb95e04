"""Shopify Admin: orders, customers and products as its GraphQL API gives them."""

from growthos_assets.raw.records import KEY, RawRecords


class ShopifyOrders(RawRecords, name="raw.shopify_orders", key=KEY):
    """One row per version of an order, as the Shopify Admin GraphQL API gives it."""


class ShopifyCustomers(RawRecords, name="raw.shopify_customers", key=KEY):
    """One row per version of a customer, as the Shopify Admin GraphQL API gives it."""


class ShopifyProducts(RawRecords, name="raw.shopify_products", key=KEY):
    """One row per version of a product with its variants, as the Shopify Admin GraphQL API gives it."""
