"""`growthos alerts backtest`: what the rules would have said every morning of the past."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from growthos_assets.cli.alerts import SEVERITY_STYLE, shop_now
from growthos_assets.cli.numbers import now_of, state_of, window_of
from growthos_assets.cli.output import Format, FormatOption, TenantOption, console, print_json, table

if TYPE_CHECKING:
    from kpis.alerts import Backtest, Known, Shop
    from warehouse.tenants import Tenant

NOTICED_BY = {
    "stock_out": ("stock_out",),
    "tracking_outage": ("tracking_outage",),
    "spend_surge": ("campaign_overspend", "cac_increase", "channel_cac", "mer_deterioration"),
    "demand_spike": ("demand_spike",),
    "cost_per_click_rise": ("cost_per_click", "channel_cac", "cac_increase", "campaign_overspend", "mer_deterioration"),
}
"""The rules that what goes wrong in the demo may set off."""


def backtest(
    tenant: TenantOption,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days to replay.")] = 180,
    format: FormatOption = Format.table,
) -> None:
    """What the rules would have said each morning of the past, and how often for no known reason."""
    from kpis.alerts import backtest as replayed

    settings, now = now_of(tenant)
    window = window_of(settings, now, days, None)
    is_known = not state_of(settings, window).filter(window.filter()).is_empty()  # tells a person who has none there
    shop = shop_now(settings, now)
    result = replayed(shop, days, _known(settings, shop))
    if format is Format.json:
        print_json(_document(tenant, result))
    elif is_known:
        _print_backtest(settings, result, shop)
    else:
        console.print("Nothing could be replayed.")


def _known(settings: "Tenant", shop: "Shop") -> "list[Known]":
    """What is known to have happened: the demo's own anomalies, and the calendar's events."""
    from fnmatch import fnmatchcase

    from growthos_assets.loading import warehouse
    from kpis.alerts import RULES, Known
    from kpis.windows import Window
    from warehouse import alert_states

    known = [
        Known(
            event["name"],
            Window(event["first_day"], event["last_day"]),
            tuple(rule for rule in RULES if fnmatchcase(rule, event["matcher"])),
        )
        for event in alert_states.calendar(warehouse(), settings.tenant_id).iter_rows(named=True)
    ]
    if settings.is_demo and shop.facts.first_day is not None:
        from connectors.demo import ANOMALIES

        known += [
            Known(anomaly.kind, Window(*anomaly.dates(shop.facts.first_day)), NOTICED_BY[anomaly.kind])
            for anomaly in ANOMALIES
        ]
    return known


def _document(tenant: str, result: "Backtest") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "tenant": tenant,
        "window": {"start": result.days.start, "end": result.days.end, "days": result.days.days},
        "noticed": result.noticed,
        "episodes": [asdict(episode) for episode in result.episodes],
        "unexplained": len(result.unexplained),
        "unexplained_per_30_days": result.unexplained_per_month,
    }


def _print_backtest(settings: "Tenant", result: "Backtest", shop: "Shop") -> None:
    from kpis.words import value_text

    span = result.days
    rows = table(
        "fired on", "until", "alert", "severity", "at stake", "known cause",
        title=f"{settings.name}: {span.start} to {span.end}, evaluated every morning", right=["at stake"],
    )  # fmt: skip
    for episode in result.episodes:
        stake = "–" if episode.at_stake is None else value_text(episode.at_stake, "money", shop.currency)
        severity = Text(episode.severity, SEVERITY_STYLE[episode.severity])
        name = f"{episode.title} ({episode.id})"
        rows.add_row(str(episode.fired_on), str(episode.last_day), name, severity, stake, episode.cause or "–")
    console.print(rows)
    for name, day in result.noticed.items():
        console.print(f"{name}: " + (f"noticed on {day}" if day else "not noticed"))
    console.print(
        f"{len(result.unexplained)} of {len(result.episodes)} have no known cause: "
        f"{result.unexplained_per_month:.1f} in 30 days."
    )
