"""A shop's address, from whatever a person gives for it."""

import re
from urllib.parse import urlsplit

from connectors.errors import ConfigError

DOMAIN = ".myshopify.com"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def domain(shop: str) -> str:
    """my-store.myshopify.com, of that, of `my-store`, or of a URL with it; ConfigError for anything else."""
    given = shop.strip().lower()
    host = (urlsplit(given).hostname or "") if "://" in given else given.partition("/")[0]
    name = host.removesuffix(DOMAIN)
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{shop!r} is not the name of a shop: give the one that ends in {DOMAIN}, such as my-store{DOMAIN}. "
            "The shop's admin shows it under Settings → Domains."
        )
    return name + DOMAIN
