"""The weekly review: what it says, that what it splits sums exactly, and that both forms hold it whole."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpis import Window, wbr
from kpis.alerts import EPISODES, Facts, Memory, Shop, Silence, during
from kpis.cohorts import cohorts
from kpis.drivers import customer_drivers, net_revenue_drivers, revenue_drivers
from kpis.wbr import Given
from kpis.words import Movement, change_text, listed, signed_text, value_text

WEEK = Window(date(2026, 2, 2), date(2026, 2, 8))
BEFORE = WEEK.previous()
MONEY = pl.Decimal(38, 4)
NO_COHORTS = cohorts(
    pl.DataFrame(
        schema={
            "customer_id": pl.String,
            "order_date": pl.Date,
            "revenue_net": pl.Float64,
            "contribution_margin": pl.Float64,
        }
    ),
    pl.DataFrame(schema={"date": pl.Date, "spend": pl.Float64}),
    WEEK.end,
).collect()
FLAGS = ("is_sampled", "is_thresholded", "has_other", "is_settled")
NOTHING = {
    "products": pl.DataFrame(schema={"date": pl.Date, "product_id": pl.String, "revenue_net": MONEY}),
    "cohorts": NO_COHORTS,
    "alerts": pl.DataFrame(schema=EPISODES),
    "goods": pl.DataFrame(schema={"date": pl.Date, "cogs_source": pl.String, "cogs": MONEY}),
    "traffic": pl.DataFrame(schema={"date": pl.Date, "sessions": pl.Int64, **dict.fromkeys(FLAGS, pl.Boolean)}),
    "troubles": pl.DataFrame(
        schema={
            "stream": pl.String, "account": pl.String, "first_day": pl.Date, "last_day": pl.Date, "error": pl.String,
        }
    ),
}  # fmt: skip


def shop(state, **frames) -> Given:
    names = {"meta": "Meta Ads", "google": "Google Ads"}
    return Given("acme", "Acme", "Europe/Berlin", "EUR", names, state, **(NOTHING | frames))


def written(state, week=WEEK, **frames):
    return wbr.write(shop(state, **frames), week)


@pytest.fixture(scope="session")
def full(state_of):
    """Two weeks of a shop with ads and traffic: CAC has doubled in both paid channels, and more came back."""
    week = {"revenue_gross": 6000, "discounts": 500, "refunds": 500, "revenue_net": 5000, "orders": 60}
    week |= {"contribution_margin": 2000}
    traffic = {"sessions": 3000, "pdp_views": 1500, "add_to_cart": 300, "checkouts": 100, "purchases": 60}
    ago = BEFORE.end
    return state_of(
        {"date": WEEK.end, "spend": 2000, "new_customers": 20, "platform_conversions": 90.0, **week, **traffic},
        {"date": WEEK.end, "channel_id": "google", "spend": 3000, "new_customers": 5, **week},
        {"date": WEEK.end, "channel_id": "organic", **week},
        {"date": ago, "spend": 1000, "new_customers": 20, "platform_conversions": 60.0, **week, **traffic},
        {"date": ago, "channel_id": "google", "spend": 1500, "new_customers": 5, **week},
        {"date": ago, "channel_id": "organic", **week, "revenue_gross": 5000, "orders": 50, "refunds": 200,
         "revenue_net": 4300},
        {"date": BEFORE.start},
    )  # fmt: skip


def alert(id: str, **told) -> dict[str, object]:
    usual = {"severity": "warning", "title": "It moved", "segment": "All", "description": "A +10%.", "why": ""}
    usual |= {"recommendation": f"Mend {id}.", "at_stake": 100.0, "since": WEEK.start, "silenced_by": ""}
    return usual | {"id": id} | told


def alerts(*rows) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=EPISODES)


def section(text, title):
    return re.search(rf"## {title}\n\n(.*?)(?=\n\n## |\Z)", text, re.DOTALL)[1].strip()


def test_the_sections_stand_in_order(full):
    text = wbr.markdown(written(full))
    assert text.startswith(
        "# Weekly Business Review — Feb 2 – Feb 8, 2026\n\n"
        "**Acme**: Net revenue EUR 15,000 (+4.9%), contribution margin EUR 6,000 (+0.0%), new customers 25 (+0.0%), "
        "blended CAC EUR 200.00 (+100.0%); no alert fired.\n\n"
        "Complete days in Europe/Berlin; money in EUR. Refunds count on the day they were made (event basis).\n\n"
    )
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "What Happened", "Key Drivers", "Channels", "What Is Uncertain", "Risks", "Next Week Priorities", "Ask Why",
    ]  # fmt: skip


def test_both_years_where_they_differ_and_a_week_is_named_as_one(full):
    assert "Dec 29, 2025 – Jan 4, 2026" in written(full, Window(date(2025, 12, 29), date(2026, 1, 4))).title
    fortnight = written(full, Window(WEEK.start - timedelta(7), WEEK.end))
    assert fortnight.title.startswith("Business Review — Jan 26")
    assert "| 14 days | before |" in wbr.markdown(fortnight)


def test_figures_are_held_against_what_history_reaches(full, state_of):
    happened = section(wbr.markdown(written(full)), "What Happened").splitlines()
    assert happened[0] == "|  | this week | before | change |"
    assert "| Gross revenue [3] | EUR 18,000 | EUR 17,000 | +5.9% |" in happened
    assert "| Contribution margin % [10] | 40.0% | 42.0% | -2.0 pp |" in happened
    assert "- Not known: 30-day retention (no cohort is old enough yet)." in happened

    weeks = [{"date": WEEK.end - timedelta(7 * n), "orders": 10 + n, "revenue_net": 100} for n in range(6)]
    long = state_of(*weeks, {"date": WEEK.year_ago().start, "orders": 20, "revenue_net": 100, "spend": 50})
    happened = section(wbr.markdown(written(long)), "What Happened").splitlines()
    assert happened[0] == "|  | this week | before | change | vs mean of 4 before | vs a year ago |"
    assert "| Orders [4] | 10 | 11 | -9.1% | -20.0% | -50.0% |" in happened  # 11 … 14 are 12.5 a week
    assert "| Net revenue [2] | EUR 100.00 | EUR 100.00 | +0.0% | +0.0% | +0.0% |" in happened


def test_key_drivers_start_with_the_largest_and_have_their_number(full):
    lines = section(wbr.markdown(written(full)), "Key Drivers").splitlines()
    assert lines[0] == (
        "- Net revenue, gross − discounts − refunds: +EUR 700.00, +4.9% (EUR 14,300 → EUR 15,000). "
        "**Conversion (orders ÷ sessions)** +EUR 1,000 (5.7% → 6.0%); "
        "**Refunds** -EUR 300.00 (EUR 1,200 → EUR 1,500); "
        "**Sessions** +EUR 0.00 (3,000 → 3,000); "
        "**Order value (gross ÷ orders)** +EUR 0.00 (EUR 100.00 → EUR 100.00); "
        "**Discounts** +EUR 0.00 (EUR 1,500 → EUR 1,500). [2]"
    )
    assert lines[1].startswith("- Net revenue by channel: +EUR 700.00, +4.9% (EUR 14,300 → EUR 15,000). **organic** ")
    assert (
        "- New customers, ad spend ÷ CAC: +0.0, +0.0% (25 → 25). **Ad spend** +17.3 (EUR 2,500 → EUR 5,000)"
        in "\n".join(lines)
    )
    assert "**Rate: the channels' own** +EUR 100.00 (most: Google Ads +EUR 60.00); **Mix" in lines[-1]


def test_channels_are_sorted_named_and_say_what_is_unknown(full):
    table = section(wbr.markdown(written(full)), "Channels").splitlines()
    assert table[0] == "| Channel | Net revenue | Change | Orders | New customers | Ad spend | ROAS | Channel CAC |"
    assert "| Meta Ads | EUR 5,000 | +0.0% | 60 | 20 | EUR 2,000 | 2.50× | EUR 100.00 |" in table
    assert table[-1] == "- –: no spend recorded (organic)."
    assert {line.count("|") for line in table if line.startswith("|")} == {9}


def test_each_doubt_is_told_with_its_size(full, state_of):
    told = section(wbr.markdown(written(full)), "What Is Uncertain")
    assert (
        "fewer than 30 new customers, which chance alone moves: Google Ads 5 (±44.7%) and Meta Ads 20 (±22.4%)." in told
    )
    assert "Ad platforms claim 0.50× of the shop's orders, 0.35× before: never add" in told

    settled = {"is_sampled": False, "is_thresholded": False, "has_other": False, "is_settled": True}
    traffic = pl.DataFrame(
        [
            {"date": WEEK.start, "sessions": 600, **settled},
            {"date": WEEK.start, "sessions": 100, **settled, "is_sampled": True},
            {"date": WEEK.end, "sessions": 300, **settled, "is_settled": False, "has_other": True},
            {"date": BEFORE.end, "sessions": 900, **settled, "is_thresholded": True},
        ]
    )
    goods = pl.DataFrame(
        {"date": [WEEK.end] * 2, "cogs_source": ["unit_cost", "category_margin"], "cogs": [Decimal(75), Decimal(25)]},
        schema=NOTHING["goods"].schema,
    )
    troubles = pl.DataFrame(
        [{"stream": f"meta/insights{n}", "account": "act_1", "first_day": WEEK.start, "last_day": WEEK.end,
          "error": "Ask again."} for n in range(4)]
    )  # fmt: skip
    days = [{"date": WEEK.end - timedelta(n), "orders": 1, "spend": 5} for n in range(2, 40)]
    doubts = written(state_of(*days), traffic=traffic, goods=goods, troubles=troubles).doubts
    assert doubts[0].startswith(
        "Web analytics is not settled for 1 of 7 days (Feb 8), which hold 30.0% of the sessions"
    )
    assert doubts[1] == "GA4 estimated 10.0% of the sessions from a sample, on 1 of 7 days (Feb 2)."
    assert doubts[2].startswith(
        'GA4 may have summed small rows up as "(other)" on 1 of 7 days (Feb 8), which hold 30.0%'
    )
    assert doubts[3] == "The shop has no order on 2 of 7 days (Feb 7 and Feb 8): its numbers may be partial."
    assert doubts[4] == "Meta Ads has no spend on 2 of 7 days (Feb 7 and Feb 8): its numbers may be partial."
    assert doubts[5] == "meta/insights0 (act_1) was not pulled whole for Feb 2 – Feb 8: Ask again."
    assert doubts[8] == "1 more accounts were not pulled whole: growthos slices --tenant acme --failed."
    assert doubts[9].startswith(
        "A channel's CAC rests on fewer than 30 new customers, which chance alone moves: Meta Ads none"
    )
    assert doubts[10].startswith("25.0% of the cost of goods is estimated")
    assert len(doubts) == 11


def test_alerts_are_told_with_their_state_and_those_explained_stand_under_their_cause(full):
    fired = alerts(
        alert("channel_cac_meta", silenced_by="explained by cac_increase"),
        alert("cac_increase", severity="critical", silenced_by="ack", why="Because of bids.", at_stake=-900.0),
        alert("stock_out_beauty", over_on=WEEK.end),
        alert("demand_spike", severity="info", silenced_by="expected: Sale", at_stake=5000.0),
        alert("funnel_leak_x", silenced_by="explained by tracking_outage", at_stake=None),
    )
    review = written(full, alerts=fired)
    assert section(wbr.markdown(review), "Risks").splitlines() == [
        "- **Critical** since Feb 2, acknowledged · It moved (All): A +10%. Because of bids.",
        "  - **Warning** since Feb 2, explained by cac_increase · It moved (All): A +10%.",
        "- **Warning** since Feb 2, over since Feb 8 · It moved (All): A +10%.",
        "- **Warning** since Feb 2, explained by tracking_outage · It moved (All): A +10%.",
        "- **Info** since Feb 2, expected: Sale · It moved (All): A +10%.",
    ]
    assert wbr.alert_ids(review.document())[:2] == ["cac_increase", "channel_cac_meta"]
    assert "4 alerts fired" in review.headline


def test_steps_come_by_the_money_at_stake(full):
    fired = alerts(
        alert("cac_increase", at_stake=-900.0),
        alert("a", at_stake=200.0, recommendation="Both.", segment="X"),
        alert("b", at_stake=-250.0, recommendation="Both.", segment="Y"),
        alert("orders_drop", at_stake=None),
        alert("over", at_stake=9999.0, over_on=WEEK.end),
        alert("muted", at_stake=9999.0, silenced_by="mute"),
    )
    lines = section(wbr.markdown(written(full, alerts=fired)), "Next Week Priorities").splitlines()
    assert lines == [
        "1. **EUR 1,000** · Google Ads: its ads cost EUR 3,000, and its orders left EUR 2,000 before marketing. "
        "Cut what repeat orders do not earn back.",
        "2. **EUR 900.00** · All: Mend cac_increase.",
        "3. **EUR 450.00** · X, Y: Both.",
        "4. **EUR 300.00** · More was refunded: look at the products that came back, and at why.",
        "5. All: Mend orders_drop.",
    ]


def test_what_conversion_lost_names_the_step_that_fell_most(state_of):
    traffic = {"sessions": 1000, "pdp_views": 500, "add_to_cart": 100, "checkouts": 50, "purchases": 40}
    sold = {"revenue_gross": 4000, "revenue_net": 4000, "orders": 40}
    review = written(
        state_of(
            {"date": WEEK.end, **traffic, **sold, "checkouts": 30, "orders": 20, "revenue_gross": 2000},
            {"date": BEFORE.end, **traffic, **sold},
        )
    )
    assert review.steps[0].text.startswith("Conversion fell, most at Cart → checkout (-20.0 pp)")
    assert review.steps[0].money == pytest.approx(2000)


def test_a_shop_with_orders_only_gets_a_sensible_review(state_of):
    week = {"channel_id": "direct", "revenue_net": 500, "new_customers": 2}
    text = wbr.markdown(
        written(
            state_of(
                {"date": WEEK.end, **week, "revenue_gross": 600, "orders": 6},
                {"date": BEFORE.start, **week, "revenue_gross": 500, "orders": 5},
            )
        )
    )
    happened = section(text, "What Happened")
    assert "- Not known: Ad spend, MER, Blended CAC (no spend recorded)." in happened
    assert "- Not known: Sessions, Session → purchase (no sessions recorded)." not in happened  # each has its reason
    assert "**Orders** +EUR 100.00 (5 → 6)" in section(text, "Key Drivers")
    assert section(text, "What Is Uncertain") == "Nothing is known that speaks against these numbers."
    assert section(text, "Risks") == "No alert fired."
    priorities = section(text, "Next Week Priorities")
    assert priorities.startswith("1. Connect the ad accounts")
    assert "ROAS" not in priorities


def test_a_shop_with_nothing_says_so(state_of):
    review = written(state_of())
    text = wbr.markdown(review)
    assert "| Orders [4] | 0 | 0 | – |" in text
    assert "has no factors" in section(text, "Key Drivers")
    assert section(text, "Channels").startswith("No channel had orders")
    assert section(text, "What Is Uncertain") == "Nothing is known that speaks against these numbers."
    assert review.headline == "Net revenue EUR 0.00, contribution margin EUR 0.00, new customers 0; no alert fired."
    Page(wbr.html(review))


def test_retention_is_told_with_what_it_is_held_against_and_shown_by_cohort(full):
    frame = pl.DataFrame(
        {
            "cohort_month": ["2025-10", "2025-11", "2025-12"],
            "cohort_size": [9, 10, 10],
            "d7_retention": [0.9, 0.2, 0.1],
            "d30_retention": [0.9, 0.25, 0.125],
            "d60_retention": [0.9, 0.3, None],
            "d90_retention": [0.9, None, None],
            "is_left_truncated": [True, False, False],
        }
    )
    review = written(full, cohorts=frame)
    assert review.notes[0] == "30-day retention is 12.5% of the 2025-12 cohort (25.0% in older ones)."
    assert [row.month for row in review.cohorts] == ["2025-11", "2025-12"]
    assert review.cohorts[0].retention == (0.2, 0.25, 0.3, None)
    assert "(no older cohort to hold it against)" in written(full, cohorts=frame.tail(1)).notes[0]


# what is split


POSITIVE = st.floats(0.01, 1e7).map(lambda amount: round(amount, 4))
COUNT = st.integers(1, 10**6)


def movement(pair, label=""):
    return Movement(label, "count", *(pair or (None, None)), change=None)


@given(
    *[st.tuples(kind, kind) for kind in (POSITIVE, COUNT, COUNT, POSITIVE, POSITIVE, POSITIVE)],
    st.none() | st.tuples(COUNT, COUNT),
)
def test_drivers_sum_to_the_change_to_the_last_digit(revenue, orders, customers, spend, discounts, refunds, sessions):
    pairs = {"revenue_gross": revenue, "orders": orders, "sessions": sessions, "new_customers": customers}
    pairs |= {"spend": spend, "discounts": discounts, "refunds": refunds}
    summary = {name: movement(pair, name) for name, pair in pairs.items()}

    def change(pair):
        return Decimal(f"{pair[0]:.4f}") - Decimal(f"{pair[1]:.4f}")

    gross = revenue_drivers(summary)
    assert len(gross) == (2 if sessions is None else 3)
    assert sum(driver.effect for driver in gross) == change(revenue)
    net = net_revenue_drivers(summary)
    assert sum(driver.effect for driver in net) == change(revenue) - change(discounts) - change(refunds)
    assert sum(driver.effect for driver in customer_drivers(summary)) == change(customers)
    for driver in gross:
        assert float(driver.effect) * (driver.value - driver.previous) >= -1e-3  # each pulls the way it moved


CHANNELS = st.sampled_from(["meta", "google", "organic", "email", "direct"])
ROW = st.fixed_dictionaries(
    {
        "date": st.sampled_from([WEEK.start, WEEK.end, BEFORE.start, BEFORE.end]),
        "channel_id": CHANNELS,
        "campaign_id": st.sampled_from(["(none)", "meta:1", "google:2", "google:3"]),
        "orders": st.integers(0, 9),
        "new_customers": st.integers(0, 5),
        "revenue_net": st.integers(-5000, 99999).map(lambda cents: Decimal(cents) / 100),
        "spend": st.none() | st.integers(0, 9999).map(lambda cents: Decimal(cents) / 100),
    }
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=12))
def test_whatever_a_review_takes_apart_sums_to_its_change(state_of, rows):
    rows = [{**row, "revenue_gross": row["revenue_net"]} for row in rows]
    state = state_of(*rows)
    products = state.select("date", pl.col("campaign_id").alias("product_id"), "revenue_net")
    review = written(state, products=products)
    for change in review.changes:
        assert sum(effect.amount for effect in change.effects) == change.value - change.previous, change.sentence
    net = sum((row["revenue_net"] * (1 if row["date"] >= WEEK.start else -1) for row in rows), Decimal())
    for by in ("channel_id", "campaign_id", "product_id"):
        (one,) = [one for one in review.explained if (one.kpi, one.by) == ("revenue_net", by)]
        assert sum((member.contribution for member in one.members), Decimal()) == net
    # and in whatever order the rows come, every byte is the same
    backwards = written(state.reverse(), products=products.reverse())
    assert wbr.html(backwards) == wbr.html(review)
    assert wbr.markdown(backwards) == wbr.markdown(review)


# the page


class Page(HTMLParser):
    """Fails on what is not well-formed; keeps ids, links, attributes and text."""

    VOID = ("meta", "rect", "line", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def of(self, name: str) -> Iterator[str]:
        return (value for key, value in self.attributes if key == name)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_stands_alone(full):
    html = wbr.html(written(full, alerts=alerts(alert("cac_increase"))), "Restated since 2026-02-09: nothing.")
    page = Page(html)
    ids = list(page.of("id"))
    assert len(ids) == len(set(ids))
    links = list(page.of("href"))
    assert len(links) > 20
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.seen)
    assert not list(page.of("src"))
    assert not re.search(r"https?:|url\(|@import|javascript:|\bon\w+=", html)
    assert page.seen.count("svg") >= 5
    assert len(html) < 80_000


def test_both_forms_say_the_same(full):
    review = written(full, alerts=alerts(alert("cac_increase")))
    page = Page(wbr.html(review)).text
    markdown = wbr.markdown(review)
    said = [review.headline, review.basis, *review.doubts, *review.notes, *(step.text for step in review.steps)]
    said += [change.sentence for change in review.changes] + [one.command for one in review.explained]
    assert [words for words in said if words not in page] == []
    assert [words for words in said if words not in markdown] == []
    for figure in review.figures:
        assert figure.label in page
    drawn = re.sub(r"<svg.*?</svg>", "", wbr.html(review), flags=re.DOTALL)
    without = Page(drawn).text
    effects = [effect for change in review.changes for effect in change.effects]
    assert [e for e in effects if f"{e.label} {e.detail} {e.text}".replace("  ", " ") not in without] == []
    numbers = {int(number) for number in re.findall(r"\[(\d+)\]", markdown)}
    assert numbers <= set(range(1, len(review.explained) + 1))
    assert [review.note(one.kpi, one.by) for one in review.explained] == list(range(1, len(review.explained) + 1))


def test_the_drawings_say_every_number_that_the_words_do(full):
    """However long a cause is called: it takes more lines, and none of it is cut."""
    long = "A channel whose name is everything that its makers thought of in the year of its making"
    review = wbr.write(replace(shop(full), names={"meta": long, "google": "Google Ads"}), WEEK)
    drawn = [Page(chart).text for chart in re.findall(r"<svg.*?</svg>", wbr.html(review), flags=re.DOTALL)[2:]]
    assert len(drawn) == len(review.changes)
    for change, said in zip(review.changes, drawn, strict=True):
        told = [text for effect in change.effects for text in (effect.label, effect.detail, effect.text)]
        assert [text for text in told if text not in said] == []
    assert any(long in said for said in drawn)


PLANTED = '<script>alert("x")</script>\'"&|`[a](javascript:b)*c*'


def test_what_comes_from_data_stays_text(full):
    """Names of the brand, channels, campaigns and products, and what alerts and errors say."""
    day = {"date": [WEEK.end], "product_id": [f"p{PLANTED}"], "revenue_net": [Decimal(5)]}
    fired = dict.fromkeys(("title", "segment", "description", "why", "recommendation", "silenced_by"), PLANTED)
    names = {"meta": PLANTED, "m:1": f"campaign {PLANTED}"}
    trouble = {"stream": PLANTED, "account": PLANTED, "first_day": WEEK.start, "last_day": WEEK.end, "error": PLANTED}
    planted = replace(
        shop(full.with_columns(campaign_id=pl.lit("m:1"))),
        brand=PLANTED,
        names=names,
        products=pl.DataFrame(day, schema=NOTHING["products"].schema),
        alerts=alerts(alert("cac_increase", **fired | {"silenced_by": ""}), alert("x", **fired)),
        troubles=pl.DataFrame([trouble]),
    )
    review = wbr.write(planted, WEEK)
    html = wbr.html(review, PLANTED)
    page = Page(html)
    assert "script" not in page.seen
    assert "<script" not in html
    assert page.text.count('<script>alert("x")</script>') > 10
    markdown = wbr.markdown(review, PLANTED)
    for special in ("<script", "[a]", "*c*", "`["):
        assert not re.search(rf"(?<!\\){re.escape(special)}", markdown), special
    table = section(markdown, "Channels").splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table if line.startswith("|")} == {9}


# what was known


def test_what_was_restated_is_one_line(full):
    then = written(full).document()
    assert wbr.restated(then, then, "2026-02-09") is None
    assert wbr.restated({}, then, "2026-02-09") is None
    late = pl.when(pl.col("date") == WEEK.end, pl.col("channel_id") == "meta").then(45).otherwise(0).cast(MONEY)
    more = full.with_columns(pl.col("refunds") + late, pl.col("revenue_net") - late)
    line = wbr.restated(then, written(more).document(), "2026-02-09")
    assert line == (
        "Restated since 2026-02-09: Net revenue was EUR 15,000, and is EUR 14,955 as known now (refunds +EUR 45.00); "
        "MER was 3.00×, and is 2.99× as known now (refunds +EUR 45.00); "
        "Contribution margin % was 40.0%, and is 40.1% as known now (refunds +EUR 45.00)."
    )
    assert f"**{line}**" in wbr.markdown(written(more), line)


def test_alerts_of_a_week_are_those_of_its_days(state_of):
    """A day's outage that was over by Sunday is told, with the day on which it was; nothing after Sunday counts."""
    first = WEEK.start - timedelta(70)
    outage = WEEK.start + timedelta(1)

    def day(at):
        visits = 40 if at == outage else 1000 + 10 * (at.toordinal() % 7)
        lost = 40 if at > WEEK.end else visits
        return {"date": at, "sessions": lost, "orders": 60, "revenue_gross": 6000, "purchases": 50}

    state = state_of(*(day(first + timedelta(n)) for n in range(80)))
    brand = Shop("acme", Facts(state, NO_COHORTS, WEEK.end + timedelta(3)), currency="EUR")
    now = datetime.fromisoformat("2026-02-12T00:00:00+00:00")
    muted = Memory([], [Silence("mute", "tracking_*", now)], [])
    told = during(brand, muted, WEEK, now)
    row = told.row(by_predicate=pl.col("id") == "tracking_outage", named=True)
    assert row["since"] == outage
    assert outage < row["over_on"] <= WEEK.end
    assert row["silenced_by"] == "mute"
    assert during(
        brand, Memory([], [], []), Window(WEEK.start - timedelta(28), WEEK.end - timedelta(28)), now
    ).is_empty()


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12345.6, "money", "USD 12,346"),
        (-12.345, "money", "-USD 12.35"),
        (-0.001, "money", "USD 0.00"),
        (1234.0, "count", "1,234"),
        (3.456, "ratio", "3.46×"),
        (0.1234, "percent", "12.3%"),
        (45.0, "days", "45 days"),
    ],
)
def test_values_as_people_read_them(value, unit, text):
    assert value_text(value, unit, "USD") == text


def test_changes_as_people_read_them():
    assert change_text(0.1234, "money") == "+12.3%"
    assert change_text(-0.03, "percent") == "-3.0 pp"
    assert change_text(-0.00001, "count") == "+0.0%"
    assert signed_text(4417.2, "money", "USD") == "+USD 4,417"
    assert signed_text(-0.12, "ratio") == "-0.12×"
    assert signed_text(0.0125, "percent") == "+1.25 pp"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
