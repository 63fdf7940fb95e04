"""`growthos wbr`: a page to forward, a past week as it was known then and as it is known now."""

import re
import shlex
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from cli_command import Command
from cli_files import csv, line

from connectors.slices import CENSUS
from growthos_assets import load
from growthos_assets.loading import warehouse
from warehouse import ledger, proofs
from warehouse.database import execute

PAST = date(2026, 1, 12)
"""A Monday: the week that is restated."""


def test_the_page_is_written_and_its_commands_run(demo: str, growthos: Command, tmp_path: Path) -> None:
    file = tmp_path / "review.html"
    done = growthos("wbr", "-t", "acme", "--format", "html", "--output", str(file))
    assert (done.code, done.out, done.err) == (0, "", f"Wrote {file}.\n")
    page = file.read_text()
    assert page.startswith("<!doctype html>")
    stored = load("alerts/wbr", "acme").row(0, named=True)
    assert page == stored["html"]
    assert growthos("wbr", "-t", "acme", "--format", "html").out == f"{page}\n"
    assert growthos("wbr", "-t", "acme", "--format", "markdown").out == f"{stored['markdown']}\n"

    commands = re.findall(r"`growthos (explain .*)`", stored["markdown"])
    figures = {f["kpi"]: f for f in growthos("wbr", "-t", "acme", "--format", "json").document["review"]["figures"]}
    for command in (commands[1], commands[7], commands[-1]):
        said = growthos(*shlex.split(command), "--format", "json").document
        assert float(said["value"]) == pytest.approx(figures[said["kpi"]["name"]]["value"])
        assert said["members"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--week 2026-02-10", "The week from 2026-02-09 is not over; the last complete day is 2026-02-09"),
        ("--week 2026-01-12 --days 7", "A week has its own days"),
        ("--as-known then --days 28", "Only whole weeks are written"),
        ("--as-known then --until 2026-02-03", "Only whole weeks are written"),
        ("--week monday", "does not match the format"),
        ("--output nowhere/review.md", "nowhere/review.md can't be written: No such file or directory"),
    ],
)
def test_a_week_that_cannot_be_reviewed_says_why(demo: str, growthos: Command, arguments: str, says: str) -> None:
    done = growthos("wbr", "-t", "acme", *arguments.split())
    assert done.code == 2
    assert says in " ".join((done.err + done.out).replace("│", " ").split())


def test_a_week_of_which_nothing_was_known_is_no_empty_review(demo: str, growthos: Command) -> None:
    """All of the demo was pulled on its last day: the page says so."""
    done = growthos("wbr", "-t", "acme", "--week", str(PAST), "--as-known", "then")
    assert (done.code, done.out) == (1, "")
    assert "was due, on 2026-01-19 07:00 (America/New_York). Its first records came on 2026-02-10 00:0" in done.err
    hint = done.err.partition("known by now: growthos ")[2].split()
    assert growthos(*hint).out.startswith("# Weekly Business Review — Jan 12 – Jan 18, 2026")


def sold(first: date, weeks: int) -> list[dict[str, str]]:
    """Two orders a day."""
    return [
        line(f"{day:%m%d}-{n}", processed_at=f"{day}T1{n}:00:00", unit_price=f"{10 + n}", quantity="2")
        for day in (first + timedelta(n) for n in range(7 * weeks))
        for n in range(2)
    ]


def test_a_restated_week_is_told_as_it_was_known_then_and_now(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    """With the review that was stored that week, and without: then it is made anew from the records of that day."""
    only("alerts/wbr")
    ask = ("wbr", "-t", shop, "--week", str(PAST))

    def known_on(day: str, name: str, rows: list[dict[str, str]]) -> None:
        assert growthos("tenant", "set", shop, "--clock", day).code == 0
        assert growthos("import", "orders", str(csv(tmp_path / name, *rows)), "--tenant", shop).code == 0
        assert growthos("run", "--tenant", shop).code == 0

    def assert_told(*, is_written: bool) -> None:
        before = load("alerts/wbr", shop)
        daily = load("kpis/kpi_daily", shop)
        assert (PAST in before["week_start"]) == is_written

        then = growthos(*ask, "--as-known", "then")
        again = growthos(*ask, "--as-known", "then")
        assert (then.code, then.out) == (again.code, again.out) == (0, again.out)
        assert "| Net revenue [2] | GBP 294.00 |" in then.out
        written = "00:00" if is_written else "07:00"
        assert then.err.startswith(f"As known on 2026-01-19 {written} (Europe/London).\nRestated since 2026-01-19: ")
        assert "Net revenue was GBP 294.00, and is GBP 283.00 as known now (refunds +GBP 11.00)" in then.err
        assert "Restated" not in then.out
        if is_written:
            assert then.out == f"{before.row(by_predicate=pl.col('week_start') == PAST, named=True)['markdown']}\n"

        now = growthos(*ask)
        assert "| Net revenue [2] | GBP 283.00 |" in now.out
        assert ("**Restated since 2026-01-19: " in now.out) == is_written
        page = growthos(*ask, "--format", "html").out
        assert ("Net revenue was GBP 294.00, and is GBP 283.00" in page) == is_written
        assert growthos(*ask, "--as-known", "then", "--format", "json").document["known_at"].startswith("2026-01-19")

        assert load("alerts/wbr", shop).equals(before)
        assert load("kpis/kpi_daily", shop).equals(daily)

    known_on("2026-01-19", "first.csv", sold(PAST - timedelta(7), 2))
    late = line("0114-1", line_id="back", quantity="-1", unit_price="11", processed_at=f"{PAST}T20:00:00")
    known_on("2026-02-10", "late.csv", [*sold(PAST - timedelta(7), 5), late])
    assert_told(is_written=True)
    with warehouse().as_tenant(shop) as cursor:
        assert execute(cursor, f"DELETE FROM alerts.wbr WHERE week_start = '{PAST}'") == 1
    assert_told(is_written=False)


def test_what_was_known_then_is_told_with_the_settings_and_silences_of_then(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    """An alert that fired, was silenced on the Tuesday, and of which the threshold was lifted on the Wednesday."""
    only("alerts/wbr")

    def told() -> list[dict[str, str]]:
        review = growthos("wbr", "-t", shop, "--week", str(PAST), "--as-known", "then", "--format", "json").document
        return review["review"]["fired"]

    few = [row for row in sold(PAST - timedelta(35), 6) if date.fromisoformat(row["processed_at"][:10]) < PAST]
    many = [
        line(f"{n}", processed_at=f"{PAST + timedelta(n % 7)}T12:00:00", unit_price="10", quantity="2")
        for n in range(60)
    ]
    growthos("tenant", "set", shop, "--clock", "2026-01-19")
    growthos("import", "orders", str(csv(tmp_path / "orders.csv", *few, *many)), "--tenant", shop)
    (spike,) = told()
    assert (spike["id"], spike["status"]) == ("demand_spike", "since Jan 14")
    growthos("run", "--tenant", shop)
    with warehouse().as_tenant(shop) as cursor:
        execute(cursor, "DELETE FROM alerts.wbr")
    growthos("tenant", "set", shop, "--clock", "2026-01-20")
    growthos("alerts", "mute", "demand_*", "-t", shop)
    growthos("tenant", "set", shop, "--clock", "2026-01-21", "--threshold", "demand_spike.threshold=9")
    assert growthos("alerts", "unmute", "demand_*", "-t", shop).code == 0
    assert told() == [spike]
    now = growthos("wbr", "-t", shop, "--week", str(PAST), "--format", "json").document
    assert now["alerts"] == []


def test_the_stored_and_the_recomputed_review_of_a_week_are_the_same(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    only("alerts/wbr")
    growthos("tenant", "set", shop, "--clock", "2026-01-19")
    growthos("import", "orders", str(csv(tmp_path / "orders.csv", *sold(PAST - timedelta(28), 5))), "--tenant", shop)
    growthos("run", "--tenant", shop)
    stored = growthos("wbr", "-t", shop, "--as-known", "then", "--format", "html").out
    with warehouse().as_tenant(shop) as cursor:
        assert execute(cursor, "DELETE FROM alerts.wbr") == 1
    assert growthos("wbr", "-t", shop, "--as-known", "then", "--format", "html").out == stored


WHOLE, EVEN, ODD = {}, {"hour": "0"}, {"hour": "1"}


@pytest.mark.parametrize(
    ("of_failed", "of_verified", "is_proven"),
    [
        (WHOLE, WHOLE, True),
        (EVEN, WHOLE, True),
        (EVEN, EVEN, True),
        (EVEN, ODD, False),
        (WHOLE, EVEN, False),
        (WHOLE, CENSUS, False),  # ids are listed, no record came
        (CENSUS, CENSUS, True),
    ],
)
def test_what_was_not_pulled_is_proven_by_all_records_or_by_the_same_part(
    shop: str, of_failed: dict[str, str], of_verified: dict[str, str], is_proven: bool
) -> None:
    clock = [datetime(2026, 2, 9, 6, tzinfo=UTC)]
    failed, verified = (
        ledger.Planned("s", "1", datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 8, tzinfo=UTC), "r", part)
        for part in (of_failed, of_verified)
    )
    with ledger.recording(warehouse(), shop, ("shopify", "orders"), lambda: clock[-1], "v1") as book:
        (pull,) = book.plan([failed])
        book.running(pull)
        book.failed(pull, "transient", "It broke.", ledger.Effort(1, 1, 0.0))
        clock.append(clock[0] + timedelta(hours=1))
        (pull,) = book.plan([verified])
        book.running(pull)
        with warehouse().as_tenant(shop) as cursor:
            book.landed(cursor, pull, ledger.Counts(1, 1, 1, 0, 0, "1"), ledger.Effort(1, 1, 0.0))
        book.verified()
    missing = proofs.unproven(warehouse(), shop, date(2026, 2, 1), date(2026, 2, 7), clock[-1]).rows()
    told = ("shopify/orders", "1", date(2026, 2, 1), date(2026, 2, 7), "It broke.")
    assert missing == ([] if is_proven else [told])


def test_what_was_not_pulled_is_told_until_it_was(demo: str) -> None:
    """Of the failed slice of a week, until a later one that covers it is verified."""
    week = (date(2026, 2, 2), date(2026, 2, 8))
    clock = [datetime(2026, 2, 9, 6, tzinfo=UTC)]
    slices = [
        ledger.Planned("s", "act_1", datetime(2026, 2, day, tzinfo=UTC), datetime(2026, 2, 20, tzinfo=UTC), "r", {})
        for day in (5, 1)
    ]

    def told(at: datetime | None) -> list[tuple[object, ...]]:
        return proofs.unproven(warehouse(), "acme", *week, at).rows()

    assert told(clock[0]) == []
    with ledger.recording(warehouse(), "acme", ("meta", "insights"), lambda: clock[0], "v1") as book:
        (failed,) = book.plan(slices[:1])
        book.running(failed)
        book.failed(failed, "transient", "It broke.", ledger.Effort(1, 1, 0.0))
        assert told(clock[0]) == [("meta/insights", "act_1", date(2026, 2, 5), date(2026, 2, 8), "It broke.")]
        assert told(clock[0] - timedelta(hours=1)) == []
        assert proofs.unproven(warehouse(), "acme", date(2026, 1, 1), date(2026, 2, 4), clock[0]).is_empty()
        clock.append(clock.pop() + timedelta(hours=1))
        (whole,) = book.plan(slices[1:])
        book.running(whole)
        clock.append(clock.pop() + timedelta(hours=1))
        with warehouse().as_tenant("acme") as cursor:
            book.landed(cursor, whole, ledger.Counts(1, 1, 1, 0, 0, "1"), ledger.Effort(1, 1, 0.0))
        book.verified()
    assert told(clock[0]) == told(None) == []
    assert len(told(clock[0] - timedelta(hours=1))) == 1, "it was asked for, and not here yet"
