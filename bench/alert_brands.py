"""How the alert rules do on brands that nobody looked at while they were written: other seeds, other faults.

python -m bench.alert_brands [seeds] [scale]

Each seed is a brand of the demo's generator, put through the graph's transforms in memory and replayed every morning of
its 180 days: with nothing going wrong, with the demo's five faults at their own time and size, and with the same five
kinds of fault at a time and a size drawn from the seed. The demo itself is seed 42, and is left out.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import sha256
from random import Random

import polars as pl

from connectors.demo import ANOMALIES, Anomaly, DemoSource, anomalies, world
from connectors.source import STREAMS
from growthos_assets import graph
from growthos_assets.alerts.evaluation import shop_of
from growthos_assets.cli.alert_backtest import NOTICED_BY
from growthos_assets.demo import CURRENCY, TIMEZONE
from growthos_assets.raw.records import RawRecords
from growthos_assets.table import TABLES, Call, Contract
from kpis import Window
from kpis.alerts import Backtest, Known, Shop, backtest
from warehouse.tenants import Tenant

FIRST_SEED = 1001
SIZES = {
    "stock_out": (0.3, 0.6),
    "tracking_outage": (0.0, 0.3),
    "spend_surge": (1.8, 2.6),
    "demand_spike": (1.45, 2.0),
    "cost_per_click_rise": (1.35, 1.8),
}
"""Between which factors a drawn fault's size lies: what a person would want to hear of."""
DRAWN_FROM = 70
"""The first day of a drawn fault: daily rules look back eight weeks, and the first is not at once."""
IN_TIME = {"tracking_outage": 2, "spend_surge": 2}
"""Days within which a daily rule has to see a fault; a weekly one has its week."""


def main(seeds: int, scale: int) -> None:
    """Print what was found and what was false, by kind of brand and by fault."""
    graph.tables()
    kinds = {"nothing wrong": lambda dice: (), "the demo's faults": lambda dice: ANOMALIES, "drawn faults": drawn}
    print("| brands | found in time | found | false alarms in 30 days | in the worst brand | which |")
    print("|---|---|---|---|---|---|")
    for name, faults_of in kinds.items():
        told = [replayed(seed, scale, faults_of(Random(seed))) for seed in range(FIRST_SEED, FIRST_SEED + seeds)]
        false = Counter(episode.id for found, _ in told for episode in found.unexplained)
        rates = [found.unexplained_per_month for found, _ in told]
        late = [delays(found, faults) for found, faults in told]
        of_fault = {kind: [each[kind] for each in late if kind in each] for kind in SIZES}
        found = {kind: sum(day is not None for day in days) for kind, days in of_fault.items() if days}
        timely = {kind: sum(map(is_timely, [kind] * len(days), days)) for kind, days in of_fault.items() if days}
        every = seeds * len(found)
        print(
            f"| {name} | {share(timely, every)} | {share(found, every)} | {sum(rates) / seeds:.2f} | {max(rates):.2f} "
            f"| {', '.join(f'{rule} {count}' for rule, count in false.most_common(6))} |"
        )
        if found:
            print(f"|  | {'; '.join(f'{kind} {timely[kind]}/{found[kind]}/{seeds}' for kind in found)} | | | | |")
        sys.stdout.flush()


def share(counts: dict[str, int], every: int) -> str:
    """ "57 of 60"."""
    return f"{sum(counts.values())} of {every}" if counts else "–"


def is_timely(kind: str, late: int | None) -> bool:
    """Noticed within two days by a daily rule, within its week by a weekly one."""
    return late is not None and late < IN_TIME.get(kind, 7)


def delays(found: Backtest, faults: Sequence[Known]) -> dict[str, int | None]:
    """Days from the first of each fault to the one on which it was noticed."""
    first = {fault.name: fault.days.start for fault in faults}
    return {name: None if day is None else max(0, (day - first[name]).days) for name, day in found.noticed.items()}


def drawn(dice: Random) -> tuple[Anomaly, ...]:
    """The demo's kinds of fault, each at another time and of another size; none over another."""
    slots = dice.sample(range(DRAWN_FROM, 180 - 14, 21), len(ANOMALIES))
    return tuple(
        Anomaly(
            fault.kind, fault.target, slot, min(179, slot + fault.last_day - fault.first_day),
            round(dice.uniform(*SIZES[fault.kind]), 2),
        )
        for fault, slot in zip(ANOMALIES, slots, strict=True)
    )  # fmt: skip


def replayed(seed: int, scale: int, faults: Sequence[Anomaly]) -> tuple[Backtest, list[Known]]:
    """The rules over a brand's history, and what went wrong in it."""
    shop, first = brand(seed, scale, faults)
    known = [Known(fault.kind, Window(*fault.dates(first)), NOTICED_BY[fault.kind]) for fault in faults]
    return backtest(shop, 180, known), known


def brand(seed: int, scale: int, faults: Sequence[Anomaly]) -> tuple[Shop, date]:
    """The brand as its alerts look at it, and its first day."""
    anomalies.ANOMALIES = tuple(faults)
    world.build.cache_clear()
    source = DemoSource(seed=seed, scale=scale, timezone=TIMEZONE, currency=CURRENCY)
    tenant = Tenant(f"brand-{seed}", f"Brand {seed}", TIMEZONE, CURRENCY, is_demo=True, clock_at=source.now)
    made: dict[Contract, pl.DataFrame] = {}

    def read(contract: Contract) -> pl.LazyFrame:
        if contract not in made:
            is_raw = issubclass(contract, RawRecords)
            made[contract] = (
                records(source, contract) if is_raw else call(TABLES[contract.__spec__.name].transform).collect()
            )
        return made[contract].lazy()

    call = Call(read, {"tenant": tenant, "now": source.now, "known_at": None, "stored_by": None})
    names = ("kpi_daily", "cohorts", "fact_order_lines", "dim_channel", "dim_campaign")
    shop = shop_of(**{name: read(TABLES[name].contract) for name in names}, tenant=tenant, now=source.now)
    return shop, source.last_day - timedelta(source.days - 1)


def records(source: DemoSource, contract: type[RawRecords]) -> pl.DataFrame:
    """A stream's records as raw.raw_events would hold them."""
    from msgspec.json import Encoder

    stream, encode = STREAMS.get(contract.stream_key()), Encoder(order="sorted").encode
    pages = source.pages(stream, since=None, until=source.now) if stream else ()
    rows = [(record.external_id, encode(record.payload).decode()) for page in pages for record in page]
    frame = pl.DataFrame(rows, schema={"external_id": pl.String, "payload": pl.String}, orient="row")
    return frame.with_columns(
        version=pl.lit(1, pl.Int64),
        payload_hash=pl.col("payload").map_elements(lambda text: sha256(text.encode()).digest(), pl.Binary),
        seen_at=pl.lit(source.now, pl.Datetime("us", "UTC")),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
