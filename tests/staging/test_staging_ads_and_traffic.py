"""Ads and web analytics: one purchase, exact money, and days that have been."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from staging_shop import NOW, SHOP, Payload, Staged, raw, stage


def meta(**changed: Any) -> Payload:
    return {
        "account_id": "1",
        "account_currency": "USD",
        "campaign_id": "7",
        "campaign_name": "PROS_TOF_Broad",
        "date_start": "2026-02-01",
        "date_stop": "2026-02-01",
        "spend": "114.79",
        "impressions": "10074",
        "clicks": "160",
        "inline_link_clicks": "104",
        "actions": actions(omni_purchase="3", purchase="3", link_click="104"),
        "action_values": actions(omni_purchase="250.50", purchase="250.50"),
    } | changed


def actions(**values: str) -> list[dict[str, str]]:
    return [{"action_type": kind, "value": value, "7d_click": "1"} for kind, value in values.items()]


def google(metrics: dict[str, Any] | None = None, **changed: Any) -> Payload:
    return {
        "customer": {"resourceName": "customers/2", "id": "2", "currencyCode": "USD"},
        "campaign": {"id": "9", "name": "Brand_Search"},
        "segments": {"date": "2026-02-01"},
        "metrics": {"costMicros": "35123456", "impressions": "800", "clicks": "70", "conversions": 2.5}
        | (metrics or {}),
    } | changed


def spend(**streams: Payload) -> Staged:
    return stage(SHOP, NOW, **{name: raw([("x", payload)]) for name, payload in streams.items()})


def test_metas_day() -> None:
    row = spend(meta_insights=meta()).row("stg_spend")
    assert (row["source"], row["campaign_id"], row["channel_id"]) == ("meta", "meta:7", "meta")
    assert (row["date"], row["spend"]) == (date(2026, 2, 1), Decimal("114.79"))
    assert (row["impressions"], row["clicks"]) == (10074, 104)
    assert (row["platform_conversions"], row["platform_value"]) == (3.0, Decimal("250.50"))


PIXEL = "offsite_conversion.fb_pixel_purchase"


@pytest.mark.parametrize(
    ("counts", "values", "expected"),
    [
        (
            {PIXEL: "1", "purchase": "2", "omni_purchase": "3"},
            {"omni_purchase": "30", "purchase": "20"},
            (3, 30),
        ),
        ({PIXEL: "1", "purchase": "2"}, {PIXEL: "10", "purchase": "20"}, (2, 20)),
        ({PIXEL: "1"}, {PIXEL: "10"}, (1, 10)),
        ({"omni_purchase": "3"}, {"purchase": "20"}, (3, None)),
        ({"link_click": "9"}, {}, (0, 0)),
    ],
)
def test_exactly_one_kind_of_purchase_counts(
    counts: dict[str, str], values: dict[str, str], expected: tuple[int, int | None]
) -> None:
    row = spend(meta_insights=meta(actions=actions(**counts), action_values=actions(**values))).row("stg_spend")
    assert (row["platform_conversions"], row["platform_value"]) == expected


def test_metas_row_without_any_action() -> None:
    bare = meta()
    del bare["actions"], bare["action_values"], bare["inline_link_clicks"]
    row = spend(meta_insights=bare).row("stg_spend")
    assert (row["clicks"], row["platform_conversions"], row["platform_value"]) == (0, 0.0, Decimal(0))


def test_googles_day_in_exact_money() -> None:
    row = spend(google_ads_insights=google()).row("stg_spend")
    assert (row["source"], row["campaign_id"], row["channel_id"]) == ("google_ads", "google_ads:9", "google")
    assert row["spend"] == Decimal("35.1235")
    assert (row["platform_conversions"], row["platform_value"]) == (2.5, Decimal(0))


def test_the_same_number_on_two_platforms_is_two_campaigns() -> None:
    staged = spend(meta_insights=meta(campaign_id="9"), google_ads_insights=google())
    assert set(staged.good["stg_spend"]["campaign_id"]) == {"meta:9", "google_ads:9"}


def test_a_files_day_names_its_campaign_and_channel_as_it_likes() -> None:
    row = {
        "date": "2026-02-01",
        "source": "Facebook",
        "campaign_name": "Spring",
        "spend": "12.5",
        "clicks": "",
    }
    staged = spend(file_spend=row).row("stg_spend")
    assert (staged["campaign_id"], staged["campaign_name"]) == ("file:meta//Spring", "Spring")
    assert (staged["channel_id"], staged["spend"], staged["clicks"]) == ("meta", Decimal("12.5"), None)
    assert (staged["currency"], staged["impressions"], staged["platform_conversions"]) == ("USD", None, None)


@pytest.mark.parametrize(
    ("named", "campaign_id", "name"),
    [
        ({}, "file:meta", "Meta"),
        ({"account_id": "act_1"}, "file:meta/act_1", "Meta"),
        ({"campaign_name": "Spring"}, "file:meta//Spring", "Spring"),
        ({"account_id": "act_1", "campaign_name": "Spring"}, "file:meta/act_1/Spring", "Spring"),
        ({"campaign_id": "7", "campaign_name": "Spring"}, "file:meta//7", "Spring"),
        ({"campaign_id": "7"}, "file:meta//7", "7"),
        (
            {"channel": " ", "source": "Meta", "campaign_id": "", "campaign_name": "Spring "},
            "file:meta//Spring",
            "Spring",
        ),
    ],
)
def test_what_a_files_campaign_is_called(named: Payload, campaign_id: str, name: str) -> None:
    row = spend(file_spend={"date": "2026-02-01", "channel": "Meta", "spend": "1"} | named).row("stg_spend")
    assert (row["campaign_id"], row["campaign_name"]) == (campaign_id, name)


def told(at: timedelta, **row: str) -> pl.LazyFrame:
    """A row of a spend file that was imported so long before now."""
    row = {"date": "2026-02-01", "channel": "Meta", "spend": "1"} | row
    return raw([(f"{at}/{row}", row)]).with_columns(pl.col("seen_at") - at)


BY_NAME, BY_ID = {"campaign_name": "Spring"}, {"campaign_name": "Spring", "campaign_id": "7"}


def test_a_campaign_told_by_name_is_the_one_with_that_name_and_an_id() -> None:
    again = {"campaign_name": "Brand", "date": "2026-02-02"}
    rows = [
        told(timedelta(1), **BY_NAME, spend="2"),
        told(timedelta(0), **BY_ID, date="2026-02-02", spend="3"),
        told(timedelta(0), **BY_NAME, channel="google"),
        *(told(timedelta(0), **again, campaign_id=number) for number in "89"),  # two of one name: who knows which
        told(timedelta(1), **again),
        told(timedelta(0)),
    ]
    staged = stage(SHOP, NOW, file_spend=pl.concat(rows)).good["stg_spend"]
    assert sorted(staged["campaign_id"]) == [
        "file:google//Spring", "file:meta", *["file:meta//7"] * 2, "file:meta//8", "file:meta//9", "file:meta//Brand",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (BY_NAME, BY_ID),
        (BY_ID, BY_NAME),
        ({"channel": "Facebook"}, {"channel": "meta"}),
        ({"channel": "AdWords"} | BY_NAME, {"channel": "Google Ads"} | BY_NAME),
    ],
)
def test_of_a_campaigns_day_told_in_other_words_the_later_file_counts(first: Payload, later: Payload) -> None:
    rows = [told(timedelta(1), **first, spend="2"), told(timedelta(0), **later, spend="3")]
    wrong = told(timedelta(0), **later, spend="x")
    for order in (rows, rows[::-1]):
        assert stage(SHOP, NOW, file_spend=pl.concat(order)).row("stg_spend")["spend"] == 3
    assert stage(SHOP, NOW, file_spend=pl.concat([rows[0], wrong])).row("stg_spend")["spend"] == 2


@pytest.mark.parametrize(
    ("streams", "reason"),
    [
        ({"meta_insights": meta(spend="-1")}, "spend: '-1' is not an amount from 0 to a billion, such as 19.90"),
        ({"meta_insights": meta(account_currency="EUR")}, "currency: 'EUR' is not the tenant's USD"),
        ({"meta_insights": meta(date_start="2026-02-12")}, "date is in the future"),
        ({"google_ads_insights": google({"costMicros": "x"})}, "spend: 'x' is not a number of millionths"),
        ({"file_spend": {"date": "2026-02-01", "spend": "1"}}, "campaign_id is missing"),
        ({"file_spend": {"unreadable": "{oops", "unreadable_line": "2"}}, "'{oops' in line '2' is no JSON object"),
    ],
)
def test_a_day_that_cannot_be_true(streams: dict[str, Payload], reason: str) -> None:
    staged = spend(**streams)
    (found,) = staged.reasons("stg_spend")
    assert found.startswith(reason)
    assert not staged.findings["spend_not_empty"].passed


def test_an_account_may_be_a_day_ahead() -> None:
    assert spend(meta_insights=meta(date_start="2026-02-11")).good["stg_spend"].height == 1


def test_a_campaigns_day_is_there_once() -> None:
    staged = stage(meta_insights=raw([("a", meta()), ("b", meta(spend="1"))]))
    assert staged.good["stg_spend"].height == 1
    assert staged.reasons("stg_spend") == ["another row has the same source and campaign_id and date"]


def ga4(**changed: Any) -> Payload:
    metrics = dict.fromkeys(("sessions", "itemViewEvents", "addToCarts", "checkouts", "ecommercePurchases"), "5")
    group = {"date": "20260201", "sessionDefaultChannelGroup": "Paid Social"}
    return {"property": "properties/1", "dimensions": group, "metrics": metrics} | changed


def test_ga4s_day() -> None:
    row = spend(ga4_traffic=ga4()).row("stg_traffic")
    assert (row["source"], row["date"]) == ("ga4", date(2026, 2, 1))
    assert (row["channel_group"], row["channel_id"]) == ("Paid Social", "meta")
    assert [row[step] for step in ("sessions", "pdp_views", "add_to_cart", "checkouts", "purchases")] == [5] * 5
    assert not row["is_sampled"]
    assert not row["is_thresholded"]


def test_ga4s_doubts_are_kept() -> None:
    row = spend(ga4_traffic=ga4(samplingMetadatas=[{"samplesReadCount": "5"}], subjectToThresholding=True))
    assert row.row("stg_traffic")["is_sampled"]
    assert row.row("stg_traffic")["is_thresholded"]
    assert not row.row("stg_traffic")["has_other"]
    assert spend(ga4_traffic=ga4(dataLossFromOtherRow=True)).row("stg_traffic")["has_other"]


def test_what_ga4_sums_up_as_other_is_of_the_day_that_was_asked_for() -> None:
    others = {"date": "(other)", "sessionDefaultChannelGroup": "(other)"}
    row = spend(ga4_traffic=ga4(dimensions=others, requestedDate="20260201")).row("stg_traffic")
    assert (row["date"], row["channel_id"], row["sessions"]) == (date(2026, 2, 1), "other", 5)


def campaign(name: str, day: str = "20260201", **changed: Any) -> Payload:
    dimensions = {"date": day, "sessionDefaultChannelGroup": "Email", "sessionCampaignName": name}
    return ga4(dimensions=dimensions, **changed)


def test_a_channel_groups_campaigns_are_added_up() -> None:
    rows = [campaign("a"), campaign("b", subjectToThresholding=True), campaign("c", day="20260202")]
    staged = stage(ga4_traffic=raw((str(index), row) for index, row in enumerate(rows)))
    assert staged.column("stg_traffic", "sessions", by="date") == {date(2026, 2, 1): 10, date(2026, 2, 2): 5}
    assert staged.column("stg_traffic", "is_thresholded", by="date") == {
        date(2026, 2, 1): True,
        date(2026, 2, 2): False,
    }


def test_rows_that_cannot_be_read_are_not_added_up() -> None:
    rows = [campaign("a"), campaign("b", metrics={}), campaign("c", metrics={})]
    staged = stage(ga4_traffic=raw((str(index), row) for index, row in enumerate(rows)))
    assert staged.row("stg_traffic")["sessions"] == 5
    assert staged.bad["stg_traffic"].height == 2


def test_a_days_properties_are_added_up() -> None:
    other = campaign("a", property="properties/2", dataLossFromOtherRow=True)
    staged = stage(ga4_traffic=raw([("a", campaign("a")), ("b", other), ("c", campaign("b"))]))
    row = staged.row("stg_traffic")
    assert [row[step] for step in ("sessions", "pdp_views", "add_to_cart", "checkouts", "purchases")] == [15] * 5
    assert row["has_other"]
    assert staged.bad["stg_traffic"].is_empty()


@pytest.mark.parametrize(("day", "settled"), [("20260207", True), ("20260208", False)])
def test_ga4s_days_settle(day: str, settled: bool) -> None:
    assert spend(ga4_traffic=campaign("a", day)).row("stg_traffic")["is_settled"] is settled


@pytest.mark.parametrize("named", [{"channel": "SEO"}, {"channel_group": " ", "channel": "SEO"}])
def test_a_files_traffic(named: Payload) -> None:
    row = spend(file_traffic={"date": "2026-02-01", "sessions": "12"} | named).row("stg_traffic")
    assert (row["channel_id"], row["sessions"], row["purchases"]) == ("organic", 12, None)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"dimensions": {"date": "(other)", "sessionDefaultChannelGroup": "Email"}},
            "date: '(other)' is not a date",
        ),
        ({"metrics": {"sessions": "-1"}}, "itemViewEvents"),
    ],
)
def test_traffic_that_cannot_be_true(changed: Payload, reason: str) -> None:
    staged = spend(ga4_traffic=ga4(**changed))
    assert staged.good["stg_traffic"].is_empty()
    assert not staged.findings["traffic_not_empty"].passed
    assert staged.reasons("stg_traffic")


def day_total(sessions: int, day: str = "20260201") -> Payload:
    return {"property": "properties/1", "dimensions": {"date": day}, "metrics": {"sessions": str(sessions)}}


@pytest.mark.parametrize(("total", "passed"), [(100, True), (95, False), (105, True), (106, False)])
def test_sessions_that_ga4_withholds_or_takes_back_are_missed(total: int, passed: bool) -> None:
    group = ga4(metrics=dict.fromkeys(ga4()["metrics"], "100"))
    others = {"date": "2026-02-01", "channel": "SEO", "sessions": "12"}
    staged = spend(ga4_traffic=group, ga4_funnel=day_total(total), file_traffic=others)
    assert staged.findings["ga4_tells_all_sessions"].passed is passed


def test_a_day_that_is_only_a_total_is_missed() -> None:
    staged = spend(ga4_traffic=ga4(), ga4_funnel=day_total(7, "20260202"))
    found = staged.findings["ga4_tells_all_sessions"]
    assert not found.passed
    assert found.metadata["examples"]["withheld"].to_list() == [7]


def test_without_ga4_nothing_is_missed() -> None:
    assert (
        spend(file_traffic={"date": "2026-02-01", "channel": "SEO", "sessions": "12"})
        .findings["ga4_tells_all_sessions"]
        .skipped
    )
