"""Where an order came from: the rules in their order; each decision keeps the name of the rule that made it.

Click ids decide first, then UTM parameters, then the referrer, then the shop's source name; nothing known
is direct. Where this differs from the predecessor: sources and hosts match exactly, never as substrings
("digital" is not "ig"); a source that no rule knows is `other`, not direct; an affiliate is one of a list
or says so in its medium; a visit that neither a tag nor a click id calls paid is organic, even if Shopify's
own guess at its source is an ad platform (that guess is made from the same URL and referrer); GA4's
"Affiliates" is affiliate and its organic shopping and video are organic, not other.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote_plus

import polars as pl

from growthos_assets.raw.identity import PLATFORMS

META = ("facebook", "fb", "instagram", "ig", "meta")
GOOGLE = ("google", "adwords")
EMAIL = (
    "klaviyo", "mailchimp", "omnisend", "sendgrid", "mailerlite", "activecampaign", "brevo", "shopify_email",
)  # fmt: skip
AFFILIATE = (
    "affiliate", "affiliates", "affiliate_partner", "affiliate_network",
    "awin", "shareasale", "cj", "rakuten", "partnerize", "impact", "refersion",
)  # fmt: skip
PAID = ("cpc", "ppc", "paid", "paidsearch", "shopping")

META_SITES = ("facebook.com", "instagram.com", "fb.com", "threads.net")
TIKTOK_SITES = ("tiktok.com",)
SEARCH_SITES = (
    "bing.com", "duckduckgo.com", "ecosia.org", "yandex.ru", "baidu.com", "brave.com", "qwant.com",
)  # fmt: skip
PAYMENT_SITES = (
    "paypal.com", "klarna.com", "stripe.com", "shop.app", "afterpay.com", "clearpay.co.uk", "affirm.com",
    "adyen.com", "mollie.com", "sofort.com", "shopifycs.com", "pay.google.com", "accounts.google.com",
    "payments.amazon.com", "pay.amazon.com",
)  # fmt: skip
"""Where a customer comes back from after paying or signing in."""

GOOGLE_HOST = r"(?:^|\.)google\.(?:com|[a-z]{2}|com?\.[a-z]{2})$"
YAHOO_HOST = r"(?:^|\.)yahoo\.(?:com|[a-z]{2}|com?\.[a-z]{2})$"

CLICK = pl.col("click_id")
SOURCE = pl.col("utm_source").str.to_lowercase()
MEDIUM = pl.col("utm_medium").str.to_lowercase().fill_null("")
HOST = pl.col("referrer_host")
SHOP_SOURCE = pl.col("source_name").str.to_lowercase()


class Rule(NamedTuple):
    """If `when` holds and no earlier rule did, the order belongs to `channel`."""

    name: str
    channel: str
    when: pl.Expr


def on(sites: Iterable[str]) -> pl.Expr:
    """The referrer is one of the sites or lies below it: l.facebook.com does, notfacebook.com does not."""
    return HOST.str.contains(rf"(?:^|\.)(?:{'|'.join(map(re.escape, sites))})$")


RULES = (
    Rule("click_gclid", "google", CLICK == "gclid"),
    Rule("click_gbraid", "google", CLICK == "gbraid"),
    Rule("click_wbraid", "google", CLICK == "wbraid"),
    Rule("click_fbclid", "meta", CLICK == "fbclid"),
    Rule("click_ttclid", "tiktok", CLICK == "ttclid"),
    Rule("utm_meta", "meta", SOURCE.is_in(META)),
    Rule("utm_tiktok", "tiktok", SOURCE == "tiktok"),
    Rule("utm_google_paid", "google", SOURCE.is_in(GOOGLE) & MEDIUM.is_in(PAID)),
    Rule("utm_google_organic", "organic", (SOURCE == "google") & MEDIUM.is_in(("organic", "", "surfaces"))),
    Rule("utm_email_source", "email", SOURCE.is_in(EMAIL)),
    Rule("utm_email_medium", "email", SOURCE.is_not_null() & (MEDIUM == "email")),
    Rule("utm_affiliate_source", "affiliate", SOURCE.is_in(AFFILIATE)),
    Rule("utm_affiliate_medium", "affiliate", SOURCE.is_not_null() & MEDIUM.is_in(("affiliate", "referral"))),
    Rule("utm_other", "other", SOURCE.is_not_null()),
    Rule("referrer_meta", "meta", on(META_SITES)),
    Rule("referrer_tiktok", "tiktok", on(TIKTOK_SITES)),
    Rule("referrer_google_paid", "google", HOST.str.contains(GOOGLE_HOST) & (MEDIUM == "cpc")),
    Rule("referrer_google", "organic", HOST.str.contains(GOOGLE_HOST)),
    Rule("referrer_search", "organic", on(SEARCH_SITES) | HOST.str.contains(YAHOO_HOST)),
    Rule("referrer_other", "other", HOST.is_not_null()),
    Rule("shop_source", "direct", SHOP_SOURCE.is_in(("pos", "shopify_draft_order", "web"))),
    Rule("nothing_known", "direct", pl.lit(True)),
)

CLICK_IDS = ("gclid", "gbraid", "wbraid", "fbclid", "ttclid")
UTM = ("utm_source", "utm_medium", "utm_campaign")
CHANNEL_OF_RULE = {rule.name: rule.channel for rule in RULES}

GROUPS = {
    # GA4's default channel groups
    "paid social": "meta",
    "paid search": "google",
    "paid shopping": "google",
    "organic search": "organic",
    "organic social": "organic",
    "organic shopping": "organic",
    "organic video": "organic",
    "referral": "affiliate",
    "affiliates": "affiliate",
    # what people write into a file's channel column; also the names of our own channels
    **{word: name for name, words in PLATFORMS.items() for word in (name, *words)},
    "instagram": "meta",
    "organic": "organic",
    "seo": "organic",
    "email": "email",
    "newsletter": "email",
    "klaviyo": "email",
    "affiliate": "affiliate",
    "direct": "direct",
}
"""Words for a whole group of visits, lower-cased, and their channel; a word that is not here is `other`."""


def attributed(orders: pl.LazyFrame) -> pl.LazyFrame:
    """The orders with `click_id`, `channel_rule` and `channel_id`, their UTM completed from the landing URL.

    Needs landing_url, referrer, source_name and the UTM columns, all text and nullable.
    """
    url = pl.col("landing_url")
    clicked = (pl.when(url.str.contains(rf"[?&]{name}=[^&#]")).then(pl.lit(name)) for name in CLICK_IDS)
    decided = (pl.when(rule.when).then(pl.lit(rule.name)) for rule in RULES)
    return (
        orders.with_columns(
            *(pl.coalesce(name, _parameter(url, name)) for name in UTM),
            click_id=pl.coalesce(clicked),
            referrer_host=_host(pl.col("referrer")),
            own_host=_host(url),
        )
        .with_columns(referrer_host=pl.when(~_on_the_way()).then("referrer_host"))
        .with_columns(channel_rule=pl.coalesce(decided))
        .with_columns(channel_id=pl.col("channel_rule").replace_strict(CHANNEL_OF_RULE))
        .drop("referrer_host", "own_host")
    )


def group_channel(word: pl.Expr) -> pl.Expr:
    """The channel of a GA4 default channel group or of a file's own word for one."""
    return word.str.to_lowercase().replace_strict(GROUPS, default="other", return_dtype=pl.String).fill_null("other")


def _parameter(url: pl.Expr, name: str) -> pl.Expr:
    """The query parameter's decoded value, null when it is absent or empty."""
    return url.str.extract(rf"[?&]{name}=([^&#]+)").map_batches(_unquoted, return_dtype=pl.String, is_elementwise=True)


def _unquoted(values: pl.Series) -> pl.Series:
    """Percent-decoded; a store has few campaigns for many orders, so each distinct text is decoded once."""
    distinct = values.drop_nulls().unique()
    decoded = [unquote_plus(text).strip() for text in distinct]
    return values.replace_strict(distinct, decoded, default=None, return_dtype=pl.String)


def _host(url: pl.Expr) -> pl.Expr:
    return url.str.to_lowercase().str.extract(r"^(?:[a-z][a-z0-9+.-]*://)?(?:www\.)?([^/?#:]+)")


def _on_the_way() -> pl.Expr:
    """The referrer is the shop itself or a payment page, not where the visit began."""
    own = pl.col("own_host")
    itself = (own == HOST) | HOST.str.ends_with("." + own) | own.str.ends_with("." + HOST)
    return itself.fill_null(False) | on(PAYMENT_SITES)
