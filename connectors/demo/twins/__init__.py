"""The demo brand in each API's own words: response bodies, page by page, in the API's shape.

A twin takes the world, a window and the offset of the first row, and yields the bodies from there on; each is
rendered when it is taken. A page's cursor is its offset (`rendering.token`, `rendering.offset`), so whoever
serves one page at a time over HTTP keeps no state.
"""

from collections.abc import Callable, Iterator, Mapping

from connectors.demo.calendar import Window
from connectors.demo.twins import ga4, google_ads, meta, shopify
from connectors.demo.world import World
from connectors.source import Body

Twin = Callable[[World, Window, int], Iterator[Body]]

TWINS: Mapping[str, Twin] = {
    "shopify/orders": shopify.orders,
    "shopify/customers": shopify.customers,
    "shopify/products": shopify.products,
    "meta/insights": meta.insights,
    "meta/adsets": meta.adsets,
    "meta/ads": meta.ads,
    "google_ads/insights": google_ads.insights,
    "ga4/traffic": ga4.traffic,
    "ga4/funnel": ga4.funnel,
}
"""The twin of each stream, by the stream's key."""
