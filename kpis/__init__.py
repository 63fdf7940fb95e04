"""The numbers of a brand: KPIs, windows, cohorts, segments, alerts and the weekly review.

Polars in, polars out: no I/O, and no clock (the day or instant is always a parameter).
Every KPI of KPIS is also a name here: `from kpis import blended_cac`, `kpis.mer.expr()`,
`kpis.mer(revenue_net=50_000, spend=10_000)`.
"""

from __future__ import annotations

from kpis import alerts, cohorts, segments, wbr
from kpis.engine import compare, rollup
from kpis.kpi import Kpi, KpiFamily
from kpis.measures import MEASURES, Measure
from kpis.registry import HEADLINE, KPIS, funnel_cvr
from kpis.windows import Window, last_complete_day, last_complete_week, trailing

__all__ = [
    "HEADLINE",
    "KPIS",
    "MEASURES",
    "Kpi",
    "KpiFamily",
    "Measure",
    "Window",
    "alerts",
    "cohorts",
    "compare",
    "funnel_cvr",
    "last_complete_day",
    "last_complete_week",
    "rollup",
    "segments",
    "trailing",
    "wbr",
]


def __getattr__(name: str) -> Kpi:
    # A KPI is a row of the registry; writing its name here again would be a second place to add one.
    if name in KPIS:
        return KPIS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *KPIS})
