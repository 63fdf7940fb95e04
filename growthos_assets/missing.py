"""Why a tenant has no numbers for a window, and what gets them."""

from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from growthos_assets import connections
from growthos_assets.loading import load_table, warehouse
from kpis import Window
from warehouse import proofs, raw
from warehouse.tenants import Tenant


class Missing(NamedTuple):
    """What there is nothing of, and the next step."""

    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.what} {self.advice}"


def missing(tenant: Tenant, window: Window, kpi_daily: pl.DataFrame, *, in_run: bool = False) -> Missing | None:
    """Why there is nothing of the window in the tenant's `kpi_daily`; None if there is something.

    `in_run` if a run asks that has made all but its last table.
    """
    first, last = kpi_daily["date"].min(), kpi_daily["date"].max()
    name = tenant.tenant_id
    if not (isinstance(first, date) and isinstance(last, date)):
        return Missing(f"{name} has no numbers yet.", first_step(tenant, in_run=in_run))
    if not kpi_daily.filter(window.filter()).is_empty():
        return None
    what = f"{name} has numbers from {first} to {last}, and none from {window.start} to {window.end}."
    if window.end < first:
        return Missing(what, f"Its history begins later: look at its own days with --until {last}.")
    if window.start < last:
        get = (
            f"sync --since {window.start} --until {window.end}"
            if connections.everything(name)
            else "import orders FILE"
        )
        return Missing(what, f"If anything was sold, spent or visited, get it: growthos {get} --tenant {name}")
    if connections.everything(name):
        return Missing(what, f"Pull what is new: growthos sync --tenant {name}, then growthos run --tenant {name}")
    return Missing(
        what,
        f"Look at its own last days with --until {last}, or pin its clock there: "
        f"growthos tenant set {name} --clock {last + timedelta(days=1)}",
    )


def first_step(tenant: Tenant, *, in_run: bool = False) -> str:
    """From nothing to numbers: sources, records, tables."""
    name, database = tenant.tenant_id, warehouse()
    if not tenant.is_demo and not raw.holds_any(database, name):
        if not connections.everything(name):
            return connections.how_to_begin(name)
        if not proofs.history(database, name, 1, "failed").is_empty():
            return f"Its sources gave nothing: growthos slices --tenant {name} --failed says why."
        return f"Pull its sources: growthos sync --tenant {name}, then growthos run --tenant {name}"
    quarantined = load_table("ops/quarantine", name, ["fingerprint"]).height
    if quarantined:
        return f"Its records were turned away: growthos quarantine --tenant {name} says why."
    if not in_run and load_table("alerts/wbr", name, ["week_start"]).is_empty():  # the last table of a run
        return f"Materialize them: growthos run --tenant {name}"
    orders = load_table("marts/fact_orders", name, ["order_id"]).height
    if orders:
        return f"All of its orders ({orders:,}) are tests or voided, which count for nothing."
    return f"Its records hold no order, ad spend or visit: growthos import orders FILE --tenant {name} adds orders."
