"""A shop whose week is reviewed, and how its review is read."""

import re
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser

import polars as pl
from kpi_frames import MONEY

from kpis import Window, wbr
from kpis.alerts import EPISODES
from kpis.cohorts import cohorts
from kpis.wbr import Given

WEEK = Window(date(2026, 2, 2), date(2026, 2, 8))
BEFORE = WEEK.previous()
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


def alert(id: str, **told) -> dict[str, object]:
    usual = {"severity": "warning", "title": "It moved", "segment": "All", "description": "A +10%.", "why": ""}
    usual |= {"recommendation": f"Mend {id}.", "at_stake": 100.0, "since": WEEK.start, "silenced_by": ""}
    return usual | {"id": id} | told


def alerts(*rows) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=EPISODES)


def section(text, title):
    return re.search(rf"## {title}\n\n(.*?)(?=\n\n## |\Z)", text, re.DOTALL)[1].strip()


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
