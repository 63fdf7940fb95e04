"""The weekly review as a page: it stands alone, holds what the Markdown holds, and what comes from data stays text."""

import re
from dataclasses import replace
from decimal import Decimal

import polars as pl
from wbr_shop import NOTHING, WEEK, Page, alert, alerts, section, shop, written

from kpis import wbr


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
