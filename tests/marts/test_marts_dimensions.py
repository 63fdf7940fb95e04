"""The calendar, channels, campaigns and products; spend and traffic."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from marts_shop import Shop, order, refund

from growthos_assets.marts import fact_spend as spend_module
from growthos_assets.marts import fact_traffic as traffic_module
from growthos_assets.marts.dim_campaign import fk_campaigns_channel
from growthos_assets.marts.dim_date import continuous_dates, dim_date
from growthos_assets.table import inputs
from warehouse.tenants import Tenant

TRAFFIC = {"date": date(2026, 1, 5), "channel_id": "organic", "source": "ga4"}


def spend(campaign: str, day: date, amount: str, **given: object) -> dict[str, object]:
    own = {
        "source": "meta",
        "campaign_id": campaign,
        "date": day,
        "spend": Decimal(amount),
        "channel_id": "meta",
    }
    return own | given


def test_calendar_covers_whole_years_of_everything_staged() -> None:
    shop = Shop(orders=[order("1", order_date=date(2024, 12, 30))], refunds=[refund("r", "1")])
    days = shop.marts()["dim_date"]
    assert (days["date"].min(), days["date"].max(), days.height) == (
        date(2024, 1, 1),
        date(2026, 12, 31),
        366 + 730,
    )


def test_calendar_days() -> None:
    shop = Shop(orders=[order("1", order_date=date(2024, 12, 30))])
    days = shop.marts()["dim_date"].rows_by_key("date", named=True, unique=True)
    monday, sunday = days[date(2024, 12, 30)], days[date(2026, 2, 8)]
    assert (monday["day_of_week"], monday["day_name"], monday["is_weekend"]) == (1, "Monday", False)
    assert (monday["iso_week"], monday["iso_year"], monday["year"], monday["quarter"]) == (1, 2025, 2024, 4)
    assert (sunday["day_of_week"], sunday["day_name"], sunday["is_weekend"]) == (0, "Sunday", True)
    assert (sunday["month"], sunday["month_name"]) == (2, "February")
    thursday = days[date(2026, 12, 31)]  # of a year of 53 weeks
    assert (thursday["iso_week"], thursday["iso_year"]) == (53, 2026)


@pytest.mark.parametrize(("timezone", "last_year"), [("UTC", 2026), ("Pacific/Kiritimati", 2027)])
def test_calendar_reaches_the_tenants_own_today(timezone: str, last_year: int) -> None:
    staged = {name: rows.lazy() for name, rows in Shop().staged.items() if name in inputs(dim_date)}
    new_years_eve = datetime(2026, 12, 31, 12, tzinfo=UTC)
    days = dim_date(**staged, tenant=Tenant("acme", "Acme", timezone=timezone), now=new_years_eve)
    assert days.collect()["year"].max() == last_year


def test_missing_day_is_found() -> None:
    days = Shop().marts()["dim_date"]
    gap = days.filter(pl.col("date") != date(2026, 5, 1))
    finding = continuous_dates(gap.lazy())
    assert not finding.passed
    assert finding.metadata["examples"]["date"].to_list() == [date(2026, 5, 2)]


def test_channels() -> None:
    channels = Shop().marts()["dim_channel"]
    assert channels.filter("is_paid")["channel_id"].to_list() == ["meta", "google", "tiktok"]
    assert set(channels["channel_id"]) > {"email", "organic", "affiliate", "direct", "other"}


def test_campaign_keeps_its_latest_name() -> None:
    days = [
        spend("meta:1", date(2026, 1, 2), "1", campaign_name="New"),
        spend("meta:1", date(2026, 1, 1), "1", campaign_name="Old"),
    ]
    campaigns = Shop(spend=days).marts()["dim_campaign"].sort("campaign_id")
    assert campaigns.rows() == [("(none)", "No campaign", "none", "other"), ("meta:1", "New", "meta", "meta")]


def test_a_campaign_of_an_unknown_channel_is_found() -> None:
    shop = Shop(spend=[spend("meta:1", date(2026, 1, 1), "10")])
    marts = shop.audited()
    wrong = marts["dim_campaign"].with_columns(
        channel_id=pl.when(campaign_id="meta:1").then(pl.lit("fax")).otherwise("channel_id")
    )
    finding = shop.call(fk_campaigns_channel, marts | {"dim_campaign": wrong})
    assert not finding.passed
    assert finding.metadata["examples"]["campaign_id"].to_list() == ["meta:1"]


def test_product_keeps_its_cost_and_the_margin_assumed() -> None:
    own = Tenant("acme", "Acme", category_margins={"toys": Decimal("0.35"), "default": Decimal("0.2")})
    products = Shop(
        own,
        products=[
            {"product_id": "p", "category": "toys", "unit_cost": Decimal("1.2345")},
            {"product_id": "q", "category": "home"},
        ],
    ).audited()["dim_product"]
    assert products.sort("product_id").select("unit_cost", "margin_rate").rows() == [
        (Decimal("1.2345"), Decimal("0.35")),
        (None, Decimal("0.2")),
    ]


def test_spend_goes_over_as_it_is() -> None:
    days = [
        spend("meta:1", date(2026, 1, 1), "10.5", impressions=9, clicks=2, platform_conversions=0.5),
        spend("google_ads:1", date(2026, 1, 1), "4", source="google_ads", channel_id="google"),
    ]
    facts = Shop(spend=days).audited()["fact_spend"].sort("campaign_id")
    assert facts.select("campaign_id", "channel_id", "spend", "clicks", "platform_conversions").rows() == [
        ("google_ads:1", "google", Decimal(4), None, None),
        ("meta:1", "meta", Decimal("10.5"), 2, 0.5),
    ]


def test_traffic_adds_up_the_groups_of_a_channel() -> None:
    groups = [
        TRAFFIC | {"channel_group": "Organic Search", "sessions": 10, "pdp_views": 6, "purchases": 1},
        TRAFFIC | {"channel_group": "Organic Social", "sessions": 5, "pdp_views": 4},
        TRAFFIC | {"channel_group": "Direct", "channel_id": "direct", "sessions": 3},
    ]
    facts = Shop(traffic=groups).audited()["fact_traffic"].sort("channel_id")
    assert facts.select("channel_id", "sessions", "pdp_views", "purchases").rows() == [
        ("direct", 3, None, None),
        ("organic", 15, 10, None),  # of the purchases of some nobody knows
    ]


def test_a_doubt_about_one_group_is_a_doubt_about_the_channel() -> None:
    groups = [
        TRAFFIC | {"channel_group": "Organic Search", "is_sampled": True, "is_settled": True},
        TRAFFIC | {"channel_group": "Organic Social", "has_other": True, "is_settled": False},
        TRAFFIC | {"channel_group": "Direct", "channel_id": "direct", "is_settled": True},
    ]
    facts = Shop(traffic=groups).audited()["fact_traffic"].sort("channel_id")
    assert facts.select("channel_id", "is_sampled", "is_thresholded", "has_other", "is_settled").rows() == [
        ("direct", False, False, False, True),
        ("organic", True, False, True, False),
    ]


def test_checks_of_spend_find_what_they_are_for() -> None:
    shop = Shop(spend=[spend("meta:1", date(2026, 1, 1), "10")])
    frames = shop.staged | shop.audited()
    rows = frames["fact_spend"]
    broken = {
        "no_negative_spend": rows.with_columns(-pl.col("spend")),
        "fk_spend_channel": rows.with_columns(channel_id=pl.lit("fax")),
        "fk_spend_campaign": rows.with_columns(campaign_id=pl.lit("meta:9")),
        "spend_not_empty": rows.clear(),
        "spend_reconciles_with_staging": rows.with_columns(clicks=pl.lit(7, pl.Int64)),
    }
    for name, wrong in broken.items():
        finding = shop.call(getattr(spend_module, name), frames | {"fact_spend": wrong})
        assert not finding.passed, name


def test_checks_of_traffic_find_what_they_are_for() -> None:
    shop = Shop(traffic=[TRAFFIC | {"sessions": 3, "pdp_views": 2}])
    frames = shop.staged | shop.audited()
    rows = frames["fact_traffic"]
    broken = {
        "fk_traffic_channel": rows.with_columns(channel_id=pl.lit("fax")),
        "traffic_not_empty": rows.clear(),
        "traffic_reconciles_with_staging": rows.with_columns(sessions=pl.lit(4, pl.Int64)),
        "funnel_nested": rows.with_columns(pdp_views=pl.lit(4, pl.Int64)),
    }
    for name, wrong in broken.items():
        finding = shop.call(getattr(traffic_module, name), frames | {"fact_traffic": wrong})
        assert not finding.passed, name


def test_two_sources_of_the_same_traffic_are_reported() -> None:
    shop = Shop(traffic=[TRAFFIC | {"sessions": 3}, TRAFFIC | {"sessions": 3, "source": "file"}])
    frames = shop.staged | shop.marts()
    assert not shop.call(traffic_module.traffic_counted_once, frames).passed


@pytest.mark.parametrize(
    ("check", "said"),
    [(spend_module.spend_not_empty, "no ad source"), (traffic_module.traffic_not_empty, "no web analytics")],
)
def test_a_source_that_is_not_there_is_skipped(check: object, said: str) -> None:
    shop = Shop()
    finding = shop.call(check, shop.staged | shop.marts())
    assert finding.skipped
    assert said in finding.message
