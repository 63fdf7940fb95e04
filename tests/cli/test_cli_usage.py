"""How the command speaks: help, wrong use, exit codes, one JSON document, no secret and no traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import click
import pytest
from cli_command import Command
from cli_files import csv, line

from growthos_assets import cli
from growthos_assets.loading import warehouse
from warehouse import raw

HEAVY = ("polars", "dagster", "psycopg", "sqlalchemy", "pandera")
PASSWORD = "hunter2-secret"


def every_command() -> list[tuple[str, ...]]:
    """The words of every command and group."""
    found: list[tuple[str, ...]] = []

    def walk(command: click.Command, words: tuple[str, ...]) -> None:
        found.append(words)
        for name, below in getattr(command, "commands", {}).items():
            walk(below, (*words, name))

    walk(cli.command, ())
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_help_that_fits_narrow_and_wide_terminals(
    words: tuple[str, ...], growthos: Command, terminal: Callable[[int], None]
) -> None:
    for width in (40, 200):
        terminal(width)
        done = growthos(*words, "--help")
        assert done.code == 0
        assert "Usage: growthos" in done.out
        assert max(len(line) for line in done.out.splitlines()) <= width


IMPORTS = [("import",), ("import", "orders"), ("import", "spend"), ("import", "traffic")]


def test_help_of_an_import_names_every_field_and_synonym(growthos: Command) -> None:
    from growthos_assets.raw.importing import KINDS

    for name, kind in KINDS.items():
        said = growthos("import", name, "--help").out
        assert [field for field in [*kind.fields, *kind.synonyms] if field not in said] == []


@pytest.mark.parametrize("words", IMPORTS, ids=" ".join)
def test_help_of_an_import_says_what_its_exit_codes_mean(words: tuple[str, ...], growthos: Command) -> None:
    assert (
        "1: the file has landed, and the rows that are named wait in the quarantine" in growthos(*words, "--help").out
    )


def test_help_waits_for_no_heavy_module() -> None:
    code = f"import sys, growthos_assets.cli; print([m for m in {HEAVY} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_reading_numbers_waits_for_no_dagster() -> None:
    code = "import sys, growthos_assets.cli.numbers, growthos_assets.clock, growthos_assets.loading, kpis;"
    shown = subprocess.run([sys.executable, "-c", f"{code} print('dagster' in sys.modules)"], capture_output=True)
    assert shown.stdout == b"False\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("nosuch", "No such command 'nosuch'"),
        ("kpis", "Missing option '--tenant'"),
        ("kpis --tenat acme", "Did you mean '--tenant'?"),
        ("kpis -t acme --days 0", "0 is not in the range"),
        ("kpis -t acme --until yesterday", "does not match the format '%Y-%m-%d'"),
        ("kpis -t acme --format yaml", "'yaml' is not one of 'table', 'json'"),
        ("quarantine -t acme --limit -1", "-1 is not in the range"),
        ("run -t acme --known-at now", "no ISO instant with a zone"),
        ("tenant create acme", "Missing option '--timezone'"),
        ("import", "Commands"),
        ("import orders -t acme", "Missing argument 'FILE'"),
        ("import orders a.csv -t acme --map order_id", "'order_id' is not field=column"),
        ("import orders a.csv -t acme --map sku=A --map sku=B", "sku is mapped twice"),
    ],
)
def test_wrong_use_is_exit_code_2_and_says_what_is_wrong(arguments: str, says: str, growthos: Command) -> None:
    done = growthos(*arguments.split())
    assert done.code == 2
    assert says in done.err + done.out


@pytest.mark.parametrize("command", ["kpis", "alerts", "wbr", "quarantine", "run"])
def test_an_unknown_tenant_is_exit_code_2_and_names_the_known(command: str, shop: str, growthos: Command) -> None:
    done = growthos(command, "--tenant", "nosuch", "--format", "json")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: There is no tenant 'nosuch'. Known tenants: ")
    assert shop in done.err


@pytest.mark.parametrize("home", ["a file", "a folder", "nosuch", "."])
def test_a_dagster_home_without_an_instance_is_told_in_words(
    home: str, shop: str, growthos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "a folder").mkdir()
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("the UI began"))
    monkeypatch.setenv("DAGSTER_HOME", home if home == "." else str(tmp_path / home))
    file = str(csv(tmp_path / "orders.csv", line("1")))
    for command in (("run", "--tenant", shop), ("import", "orders", file, "--tenant", shop), ("dev",)):
        done = growthos(*command)
        assert (done.code, done.out) == (2, "")
        assert f"Error: DAGSTER_HOME is {os.environ['DAGSTER_HOME']}, which is no absolute path of a folder" in done.err
        assert "unset it" in done.err
    assert list((tmp_path / "a folder").iterdir()) == []
    assert not raw.holds_any(warehouse(), shop), "nothing has landed"


def test_tenants_are_made_listed_and_changed(warehouse_url: str, growthos: Command) -> None:
    assert growthos("tenant", "create", "cafe", "--timezone", "UTC", "--currency", "EUR", "--name", "Café").code == 0
    assert growthos("tenant", "set", "cafe", "--timezone", "Europe/Paris", "--clock", "2026-02-10").code == 0
    found = next(t for t in growthos("tenants", "--format", "json").document["tenants"] if t["tenant_id"] == "cafe")
    settings = {name: found[name] for name in ("name", "timezone", "currency", "clock_at")}
    assert settings == {
        "name": "Café", "timezone": "Europe/Paris", "currency": "EUR", "clock_at": "2026-02-09T23:00:00+00:00",
    }  # fmt: skip
    assert growthos("tenant", "set", "cafe", "--clock", "real").code == 0
    assert "Café" in growthos("tenants").out
    for wrong in (("--timezone", "Mars/Olympus"), ("--currency", "gold"), ("--clock", "tomorrow")):
        assert growthos("tenant", "set", "cafe", *wrong).code == 2
    assert growthos("tenant", "set", "nosuch", "--name", "X").code == 2
    again = growthos("tenant", "create", "cafe", "--timezone", "UTC", "--currency", "EUR")
    assert again.code == 2
    assert "There is a tenant cafe already" in again.err


@pytest.mark.parametrize("command", ["kpis", "alerts", "wbr"])
def test_a_tenant_without_numbers_is_told_how_to_get_them(command: str, shop: str, growthos: Command) -> None:
    done = growthos(command, "--tenant", shop, "--format", "json")
    assert done.code == 0
    assert done.document["tenant"] == shop
    assert done.err.startswith(f"{shop} has no numbers yet. Connect its shop, growthos connect shopify --tenant {shop}")


@pytest.mark.parametrize("command", ["kpis", "alerts", "wbr", "explain revenue_net", "explain retention_rate"])
def test_a_window_of_days_to_come_is_refused_and_told_the_last_complete_day(
    command: str, shop: str, growthos: Command
) -> None:
    assert growthos(*command.split(), "--tenant", shop, "--until", "2026-02-09").code == 0
    done = growthos(*command.split(), "--tenant", shop, "--until", "2026-02-10")
    assert (done.code, done.out) == (2, "")
    assert "2026-02-10 is not over; the last complete day is 2026-02-09." in done.err


@pytest.mark.parametrize("command", ["kpis", "alerts", "wbr"])
def test_a_window_outside_the_data_is_told_where_the_data_is(command: str, demo: str, growthos: Command) -> None:
    growthos("tenant", "set", "acme", "--clock", "2026-03-02")
    done = growthos(command, "--tenant", "acme", "--until", "2026-03-01", "--format", "json")
    assert done.code == 0
    assert "acme has numbers from 2025-08-14 to 2026-02-09, and none from 2026-02-23 to 2026-03-01" in done.err
    hint = done.err.partition("growthos tenant set ")[2].split()
    assert hint == ["acme", "--clock", "2026-02-10"]
    assert growthos("tenant", "set", *hint).code == 0
    assert growthos("kpis", "--tenant", "acme", "--format", "json").document["window"]["end"] == "2026-02-09"


def test_numbers_as_json_are_what_the_tables_say(demo_to_read: str, growthos: Command) -> None:
    import kpis
    from growthos_assets import load

    state, window = load("kpis/kpi_daily", "acme"), kpis.trailing(28, date(2026, 2, 9))
    document = growthos("kpis", "--tenant", "acme", "--days", "28", "--format", "json").document
    assert list(document) == ["tenant", "window", "kpis"]
    assert document["window"] == {
        "start": "2026-01-13", "end": "2026-02-09", "days": 28, "timezone": "America/New_York",
    }  # fmt: skip
    keys = ["value", "previous", "change", "unit", "reason", "basis"]
    assert all(list(kpi) == keys for kpi in document["kpis"].values())
    assert {name: kpi["basis"] for name, kpi in document["kpis"].items()} == {
        name: kpis.KPIS[name].basis for name in kpis.HEADLINE
    }
    for name, rows in {
        "value": state.filter(state["date"].is_between(window.start, window.end)),
        "previous": state.filter(state["date"].is_between(window.start - timedelta(28), window.start - timedelta(1))),
    }.items():
        net, spend, new = (float(rows[column].sum()) for column in ("revenue_net", "spend", "new_customers"))
        said = {kpi: values[name] for kpi, values in document["kpis"].items()}
        assert said["revenue_net"] == pytest.approx(net)
        assert said["orders"] == rows["orders"].sum()
        assert said["mer"] == pytest.approx(net / spend)
        assert said["blended_cac"] == pytest.approx(spend / new)

    alerts = growthos("alerts", "--tenant", "acme", "--format", "json").document
    stored = load("alerts/alerts", "acme")
    assert [alert["id"] for alert in alerts["alerts"]] == stored["id"].to_list()
    assert list(alerts) == ["tenant", "evaluated_at", "alerts"]
    assert alerts["evaluated_at"] == stored["evaluated_at"][0].isoformat()

    review = growthos("wbr", "--tenant", "acme", "--format", "json").document
    assert review["markdown"] == load("alerts/wbr", "acme").sort("week_start")["markdown"].last()
    assert growthos("wbr", "--tenant", "acme").out == f"{review['markdown']}\n"


def test_numbers_for_people_fit_their_terminal(
    demo_to_read: str, growthos: Command, terminal: Callable[[int], None]
) -> None:
    for width in (60, 250):
        terminal(width)
        for command in ("kpis", "alerts"):
            shown = growthos(command, "--tenant", "acme")
            assert shown.code == 0
            assert max(len(line) for line in shown.out.splitlines()) <= width
        assert "Net revenue" in growthos("kpis", "--tenant", "acme").out
    assert "marts/fact_orders" in growthos("tables").out
    assert growthos("tables", "--format", "json").document["marts/fact_orders"].startswith("One row per")


def test_names_with_brackets_are_shown_as_they_are(shop: str, growthos: Command, tmp_path: Path) -> None:
    growthos("tenant", "set", shop, "--name", "[bold]Shop[/x]")
    assert "[bold]Shop[/x]" in growthos("tenants").out
    assert "[bold]Shop[/x]" in growthos("kpis", "--tenant", shop).out
    file = csv(tmp_path / "[red]orders[1].csv", line("1", quantity="[/y]"), line("2"))
    done = growthos("import", "orders", str(file), "--tenant", shop)
    assert "[red]orders[1].csv" in done.out
    assert "quantity: '[/y]' is not a whole number" in done.out


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{PASSWORD}@localhost:1/shop",
        f"postgresql://me@localhost:1/shop?password={PASSWORD}",
        f"mysql://me:{PASSWORD}@localhost/shop",
        f"postgresql://me:{PASSWORD}@nosuch.invalid/shop",
        f"postgresql://me:{PASSWORD}@ss@localhost:1/shop",
        PASSWORD,
    ],
)
@pytest.mark.parametrize("command", ["tenants", "kpis -t acme", "run -t acme", "import orders orders.csv -t acme"])
def test_a_wrong_database_url_is_exit_code_2_without_password_or_traceback(
    url: str, command: str, growthos: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    done = growthos(*command.split())
    assert (done.code, done.out) == (2, "")
    assert "DATABASE_URL" in done.err
    assert PASSWORD not in done.err
    assert "Traceback" not in done.err


def test_without_demo_mode_a_tenant_needs_a_key(
    warehouse_url: str, growthos: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEMO_MODE", "false")
    monkeypatch.delenv("GROWTHOS_ENCRYPTION_KEY", raising=False)
    file = csv(tmp_path / "orders.csv", line("1"))
    for command in (
        ["tenant", "create", "keyless", "--timezone", "UTC", "--currency", "USD"],
        ["import", "orders", str(file), "--tenant", "keyless", "--timezone", "UTC", "--currency", "USD"],
    ):
        done = growthos(*command)
        assert done.code == 2
        assert "GROWTHOS_ENCRYPTION_KEY is not set" in done.err
    assert growthos("kpis", "--tenant", "keyless").code == 2
    refused = growthos("demo")
    assert refused.code == 2
    assert "DEMO_MODE is off" in refused.err


def test_without_demo_mode_a_key_of_ones_own_will_do(
    warehouse_url: str, growthos: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_MODE", "false")
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", "ab" * 32)
    assert growthos("tenant", "create", "keyed", "--timezone", "UTC", "--currency", "USD").code == 0
