"""`growthos alerts`: what fires, what to keep quiet about, what was and would have been, and who is told."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, NamedTuple

import click
import typer
from rich.padding import Padding
from rich.text import Text

from growthos_assets.cli.alert_deliveries import deliveries_app, print_deliveries
from growthos_assets.cli.numbers import frame_of, now_of, state_of, window_of
from growthos_assets.cli.output import (
    DaysOption,
    Format,
    FormatOption,
    TenantOption,
    UntilOption,
    complain,
    console,
    print_json,
    table,
)

if TYPE_CHECKING:
    import polars as pl

    from kpis import Window
    from kpis.alerts import Shop
    from warehouse.alert_states import Wish
    from warehouse.tenants import Tenant

SEVERITY_STYLE = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
TOLD = (
    "id", "severity", "title", "segment", "metric_value", "threshold", "recommendation",
    "state", "since", "silenced_by", "description", "why", "at_stake", "p_value", "low", "high", "runbook",
)  # fmt: skip
"""What a program is told of an alert; state and since are null on a window of its own, which remembers nothing."""
WEEK = 7
alerts_app = typer.Typer(help="What fires, and what to do about it.", invoke_without_command=True)

AlertArgument = Annotated[str, typer.Argument(metavar="ALERT", help="An alert's id, as `growthos alerts` shows it.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why, for whoever asks later.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from growthos_assets.cli.alert_backtest import backtest
    from growthos_assets.cli.alert_destinations import destination_app

    alerts_app.command()(backtest)
    alerts_app.add_typer(destination_app, name="destination")
    alerts_app.add_typer(deliveries_app, name="deliveries")
    app.add_typer(alerts_app, name="alerts")


@alerts_app.callback()
def show_alerts(
    ctx: typer.Context,
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="The tenant's id.")] = None,
    days: DaysOption = WEEK,
    until: UntilOption = None,
    format: FormatOption = Format.table,
) -> None:
    """The alerts that fire now.

    With --days or --until: those that the window alone gives rise to, against the four times as many days before it,
    whatever was remembered or silenced.
    """
    if ctx.invoked_subcommand is not None:
        return
    if tenant is None:
        missing = next(option for option in ctx.command.params if option.name == "tenant")
        raise click.MissingParameter(ctx=ctx, param=missing)
    if format is Format.table:
        print_alerts(tenant, days, until)
        return
    looked = _alerts(tenant, days, until)
    alerts = looked.fired.select(*TOLD).to_dicts()
    print_json({"tenant": tenant, "evaluated_at": looked.at, "alerts": alerts})


@alerts_app.command()
def ack(alert: AlertArgument, tenant: TenantOption, note: NoteOption = "") -> None:
    """Say that somebody is on it: not told again until it is over, or gets worse."""
    _wish(tenant, "ack", alert, None, note)
    console.print(f"{alert} is acknowledged: it is told again if it gets worse, and when it is over.")


@alerts_app.command()
def snooze(
    alert: AlertArgument,
    tenant: TenantOption,
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The local day on which it may speak again.")],
    note: NoteOption = "",
) -> None:
    """Don't tell of it before a day."""
    from zoneinfo import ZoneInfo

    settings, now = now_of(tenant)
    if until.date() <= now.astimezone(ZoneInfo(settings.timezone)).date():
        raise typer.BadParameter(f"{until:%Y-%m-%d} is not a day to come.", param_hint="--until")
    _wish(tenant, "snooze", alert, until.replace(tzinfo=ZoneInfo(settings.timezone)), note)
    console.print(f"{alert} is not told before {until:%Y-%m-%d}.")


@alerts_app.command()
def mute(
    pattern: Annotated[str, typer.Argument(help="An alert's id, or a pattern such as 'channel_cac_*'.")],
    tenant: TenantOption,
    note: NoteOption = "",
) -> None:
    """Never tell of the alerts that match, until they are unmuted."""
    _wish(tenant, "mute", pattern, None, note)
    console.print(f"{pattern} is muted. `growthos alerts unmute '{pattern}' --tenant {tenant}` undoes it.")


@alerts_app.command()
def unmute(
    pattern: Annotated[str, typer.Argument(help="What was muted, snoozed or acknowledged, as it was written.")],
    tenant: TenantOption,
) -> None:
    """Take back a mute, a snooze or an ack."""
    from growthos_assets.loading import warehouse
    from warehouse import alert_states

    _, now = now_of(tenant)
    if not alert_states.unsilence(warehouse(), tenant, pattern, now):
        known = alert_states.silences(warehouse(), tenant)["matcher"].unique().sort().to_list()
        hint = f"Silenced are: {', '.join(known)}." if known else "Nothing is silenced."
        raise typer.BadParameter(f"Nothing called {pattern!r} is silenced. {hint}")
    console.print(f"{pattern} may speak again.")


@alerts_app.command()
def history(
    tenant: TenantOption,
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30,
    format: FormatOption = Format.table,
) -> None:
    """What alerts were on each day, and what was to be told of them."""
    from growthos_assets.loading import warehouse
    from warehouse import alert_states

    settings, now = now_of(tenant)
    since = window_of(settings, now, days, None).start
    states, events = alert_states.history(warehouse(), tenant, since)
    deliveries = alert_states.deliveries(warehouse(), tenant, since)
    if format is Format.json:
        kept = {"states": states.drop("finding", "version"), "events": events, "deliveries": deliveries}
        print_json({"tenant": tenant, "since": since, **{name: rows.to_dicts() for name, rows in kept.items()}})
        return
    if states.is_empty():
        console.print(f"No alert since {since}.")
        return
    rows = table("day", "alert", "state", "severity", "since", "not told because")
    for row in states.iter_rows(named=True):
        severity = Text(row["severity"], SEVERITY_STYLE[row["severity"]])
        rows.add_row(
            str(row["window_end"]), row["alert_id"], row["state"], severity, str(row["since"]), row["silenced_by"]
        )
    console.print(rows)
    if not events.is_empty():
        told = table("day", "event", "alert", "sent", title="To tell")
        for row in events.iter_rows(named=True):
            sent = f"{row['sent_at']:%Y-%m-%d %H:%M}" if row["sent_at"] else "not yet"
            told.add_row(str(row["window_end"]), row["kind"], row["alert_id"], sent)
        console.print(told)
    if not deliveries.is_empty():
        print_deliveries(deliveries)


@alerts_app.command()
def events(
    tenant: TenantOption,
    add: Annotated[str | None, typer.Option("--add", help="Name of an event to add.")] = None,
    remove: Annotated[str | None, typer.Option("--remove", help="Name of an event to remove.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Its first day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Its last day.")] = None,
    rules: Annotated[str, typer.Option("--alerts", help="The alerts that it explains, as a pattern.")] = "*",
    format: FormatOption = Format.table,
) -> None:
    """The calendar of expected events: days on which alerts are not told, and which no baseline counts."""
    from growthos_assets.loading import warehouse
    from warehouse import alert_states

    now_of(tenant)
    if add is not None:
        if first is None:
            raise typer.BadParameter("An event needs its first day: --from 2026-11-27", param_hint="--from")
        end = last or first
        if end < first:
            raise typer.BadParameter("An event cannot end before it starts.", param_hint="--to")
        alert_states.expect(warehouse(), tenant, add, first.date(), end.date(), rules)
    if remove is not None and not alert_states.forget(warehouse(), tenant, remove):
        raise typer.BadParameter(f"No event is called {remove!r}.", param_hint="--remove")
    calendar = alert_states.calendar(warehouse(), tenant)
    if format is Format.json:
        print_json({"tenant": tenant, "events": calendar.to_dicts()})
        return
    if calendar.is_empty():
        console.print("Nothing is expected. Add a sale with --add NAME --from DAY --to DAY.")
        return
    rows = table("event", "from", "to", "explains")
    for row in calendar.iter_rows(named=True):
        rows.add_row(row["name"], str(row["first_day"]), str(row["last_day"]), row["matcher"])
    console.print(rows)


def print_alerts(tenant: str, days: int, until: datetime | None) -> None:
    """The firing alerts for people."""
    from kpis.kpi import REFUND_BASES

    window, _, fired, is_known, unjudged = _alerts(tenant, days, until)
    if fired.is_empty():
        among = ", by the rules that could be judged" if unjudged else ""
        none = f"No alert fires on {window.start} to {window.end}{among}."
        console.print(none if is_known else "Nothing could be judged.")
        return
    console.print(f"\nAlerts on {window.start} to {window.end}, against the {4 * days} days before")
    console.print(REFUND_BASES["event"])
    for alert in fired.iter_rows(named=True):
        severity, style = alert["severity"], SEVERITY_STYLE[alert["severity"]]
        head = [(f"{severity:>8}", style), "  ", (alert["title"], "bold"), f" · {alert['segment']} ({alert['id']})"]
        if alert.get("silenced_by"):
            head.append((f" · not told: {alert['silenced_by']}", "dim"))
        console.print(Text.assemble(*head))
        for line in filter(None, (alert["description"], alert["why"], f"→ {alert['recommendation']}")):
            console.print(Padding(Text(line), (0, 0, 0, 10), expand=False))


class Looked(NamedTuple):
    """What fires on a window, whether there is any number to judge it by, and the rules that can't be, by reason."""

    window: "Window"
    at: datetime
    fired: "pl.DataFrame"
    is_known: bool
    unjudged: "dict[str, list[str]]"


def _alerts(tenant: str, days: int, until: datetime | None) -> Looked:
    """Now, with what is remembered; or on a window of its own, with nothing. A person is told what was not judged."""
    import polars as pl

    import kpis
    from growthos_assets.alerts.evaluation import assess

    settings, now = now_of(tenant)
    window = window_of(settings, now, days, until)
    is_known = not state_of(settings, window).filter(window.filter()).is_empty()  # tells a person who has none there
    shop = shop_now(settings, now)
    facts = shop.facts
    unjudged = kpis.alerts.unjudged(facts, window, settings.alert_thresholds) if is_known else {}
    for reason, rules in unjudged.items():
        complain("Not judged:", f"{', '.join(rules)} ({reason})", "yellow")
    if days == WEEK and until is None:
        return Looked(window, now, assess(shop, now).firing, is_known, unjudged)
    alone = kpis.alerts.alone(shop, window).with_columns(
        pl.lit(None).alias(name) for name in ("state", "since", "silenced_by")
    )
    return Looked(window, now, alone, is_known, unjudged)


def shop_now(settings: "Tenant", now: datetime) -> "Shop":
    """The tenant as its alerts look at it, from its tables as they are."""
    from growthos_assets.alerts.evaluation import proven, shop_of

    keys = ("kpis/kpi_daily", "cohorts/cohorts", "marts/fact_order_lines", "marts/dim_channel", "marts/dim_campaign")
    state, cohorts, lines, channels, campaigns = (frame_of(key, settings.tenant_id).lazy() for key in keys)
    return proven(shop_of(state, cohorts, lines, channels, campaigns, settings, now), settings)


def _wish(tenant: str, kind: "Wish", matcher: str, until: datetime | None, note: str) -> None:
    from growthos_assets.loading import warehouse
    from warehouse import alert_states

    _, now = now_of(tenant)
    if kind != "mute":
        _require_known(tenant, matcher)
    alert_states.silence(warehouse(), tenant, kind, matcher, until, note, now)


def _require_known(tenant: str, alert: str) -> None:
    """typer.BadParameter that names the alerts there are, if none of that id has been seen."""
    from growthos_assets.loading import warehouse
    from warehouse import alert_states

    states, _ = alert_states.history(warehouse(), tenant, date.min + timedelta(1))
    seen = states["alert_id"].unique().sort().to_list()
    if alert not in seen:
        hint = f"Seen were: {', '.join(seen)}." if seen else f"None was seen yet: growthos run --tenant {tenant}"
        raise typer.BadParameter(f"No alert {alert!r} has been seen. {hint}")
