"""Every channel rule, one by one, and what beats what."""

import polars as pl
import pytest

from growthos_assets.staging.channels import GROUPS, RULES, attributed, group_channel

COLUMNS = ("landing_url", "referrer", "source_name", "utm_source", "utm_medium", "utm_campaign")
SHOP = "https://www.shop.com/products/x"


def decide(**order: str) -> dict[str, str | None]:
    frame = pl.LazyFrame([order], schema=dict.fromkeys(COLUMNS, pl.String))
    return attributed(frame).collect().row(0, named=True)


VECTORS = [
    # click ids beat everything
    ({"landing_url": f"{SHOP}?gclid=1", "utm_source": "klaviyo"}, "click_gclid", "google"),
    ({"landing_url": f"{SHOP}?x=1&gbraid=1"}, "click_gbraid", "google"),
    ({"landing_url": f"{SHOP}?wbraid=1#top"}, "click_wbraid", "google"),
    ({"landing_url": f"{SHOP}?fbclid=IwAR", "referrer": "https://www.google.com/"}, "click_fbclid", "meta"),
    ({"landing_url": f"{SHOP}?ttclid=1"}, "click_ttclid", "tiktok"),
    ({"landing_url": f"{SHOP}?fbclid=1&gclid=1"}, "click_gclid", "google"),
    ({"landing_url": f"{SHOP}?gclid="}, "nothing_known", "direct"),
    ({"landing_url": f"{SHOP}?notgclid=1"}, "nothing_known", "direct"),
    # UTM, by exact source
    ({"utm_source": "facebook", "utm_medium": "cpc"}, "utm_meta", "meta"),
    ({"utm_source": "fb", "utm_medium": "paid"}, "utm_meta", "meta"),
    ({"utm_source": "Instagram"}, "utm_meta", "meta"),
    ({"utm_source": "ig"}, "utm_meta", "meta"),
    ({"utm_source": "tiktok", "utm_medium": "bio"}, "utm_tiktok", "tiktok"),
    ({"utm_source": "google", "utm_medium": "cpc", "referrer": "facebook.com"}, "utm_google_paid", "google"),
    ({"utm_source": "google", "utm_medium": "PPC"}, "utm_google_paid", "google"),
    ({"utm_source": "adwords", "utm_medium": "shopping"}, "utm_google_paid", "google"),
    ({"utm_source": "google", "utm_medium": "organic"}, "utm_google_organic", "organic"),
    ({"utm_source": "google"}, "utm_google_organic", "organic"),
    ({"utm_source": "klaviyo"}, "utm_email_source", "email"),
    ({"utm_source": "newsletter", "utm_medium": "email"}, "utm_email_medium", "email"),
    ({"utm_source": "affiliate_partner"}, "utm_affiliate_source", "affiliate"),
    ({"utm_source": "blog", "utm_medium": "referral"}, "utm_affiliate_medium", "affiliate"),
    ({"utm_source": "digital", "utm_medium": "cpc"}, "utm_other", "other"),
    ({"utm_source": "bigcommerce"}, "utm_other", "other"),
    ({"utm_medium": "email"}, "nothing_known", "direct"),
    # then the referrer's host
    ({"referrer": "https://facebook.com/post"}, "referrer_meta", "meta"),
    ({"referrer": "https://L.Instagram.com/?u=x"}, "referrer_meta", "meta"),
    ({"referrer": "instagram.com"}, "referrer_meta", "meta"),
    ({"referrer": "https://notfacebook.com/"}, "referrer_other", "other"),
    ({"referrer": "https://facebook.com.evil.example/"}, "referrer_other", "other"),
    ({"referrer": "https://www.tiktok.com/@shop"}, "referrer_tiktok", "tiktok"),
    ({"referrer": "https://google.com/search?q=facebook.com"}, "referrer_google", "organic"),
    ({"referrer": "https://www.google.co.uk/"}, "referrer_google", "organic"),
    ({"referrer": "https://www.google.de/", "utm_medium": "cpc"}, "referrer_google_paid", "google"),
    ({"referrer": "https://duckduckgo.com/"}, "referrer_search", "organic"),
    ({"referrer": "https://de.search.yahoo.com/"}, "referrer_search", "organic"),
    ({"referrer": "https://blog.example/"}, "referrer_other", "other"),
    # the shop itself and pages on the way say nothing
    ({"referrer": "https://shop.com/cart", "landing_url": SHOP}, "nothing_known", "direct"),
    ({"referrer": "https://checkout.shop.com/", "landing_url": SHOP}, "nothing_known", "direct"),
    ({"referrer": "https://shop.com/", "landing_url": "https://de.shop.com/x"}, "nothing_known", "direct"),
    ({"referrer": "https://op.com/", "landing_url": SHOP}, "referrer_other", "other"),
    ({"referrer": "https://www.paypal.com/pay", "source_name": "web"}, "shop_source", "direct"),
    ({"referrer": "https://blog.example/", "landing_url": "/products/x"}, "referrer_other", "other"),
    # then where in the shop, then nothing
    ({"source_name": "pos"}, "shop_source", "direct"),
    ({"source_name": "shopify_draft_order"}, "shop_source", "direct"),
    ({"source_name": "web"}, "shop_source", "direct"),
    ({"source_name": "580111"}, "nothing_known", "direct"),
    ({}, "nothing_known", "direct"),
]  # fmt: skip


@pytest.mark.parametrize(("order", "rule", "channel"), VECTORS)
def test_the_rule_that_decides(order: dict[str, str], rule: str, channel: str) -> None:
    decided = decide(**order)
    assert (decided["channel_rule"], decided["channel_id"]) == (rule, channel)


def test_every_rule_has_a_vector_and_a_name_of_its_own() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert {rule for _, rule, _ in VECTORS} == set(names)


def test_utm_parameters_come_from_the_visit_and_else_from_the_landing_url() -> None:
    url = f"{SHOP}?utm_source=facebook&utm_medium=cpc&utm_campaign=Spring%20Sale+%26%20more#x"
    from_url = decide(landing_url=url)
    assert from_url["utm_campaign"] == "Spring Sale & more"
    assert from_url["channel_rule"] == "utm_meta"
    assert decide(landing_url=url, utm_source="klaviyo")["utm_source"] == "klaviyo"


def test_what_is_no_url_says_nothing() -> None:
    decided = decide(landing_url="::not a url?%%%", referrer="???")
    assert (decided["utm_source"], decided["channel_id"]) == (None, "direct")


@pytest.mark.parametrize(
    ("word", "channel"),
    [
        ("Paid Social", "meta"),
        ("Paid Search", "google"),
        ("Paid Shopping", "google"),
        ("Organic Search", "organic"),
        ("Organic Social", "organic"),
        ("Email", "email"),
        ("Referral", "affiliate"),
        ("Direct", "direct"),
        ("Cross-network", "other"),
        ("Unassigned", "other"),
        ("(other)", "other"),
        ("Facebook Ads", "meta"),
        ("google_ads", "google"),
        (None, "other"),
    ],
)
def test_groups_of_visits(word: str | None, channel: str) -> None:
    assert pl.select(group_channel(pl.lit(word, pl.String))).item() == channel


def test_every_channel_is_a_word_for_itself() -> None:
    channels = {rule.channel for rule in RULES} | set(GROUPS.values())
    assert all(pl.select(group_channel(pl.lit(name))).item() == name for name in channels)
