"""The raw records: append-only, one row per version of a record, addressed by content."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from warehouse.database import Cursor, Transaction, Warehouse, copy, execute, lock, query, without
from warehouse.quoting import instant, literal

GONE = "''::bytea"
"""In place of the hash of a payload: the source no longer reports the record. No payload's hash is empty."""

NO_JSONB = r"'\\u(0000|d[89a-f])|[0-9]e[+-]?[0-9]{4}'"
"""What JSON may say and jsonb cannot hold: the zero character, half a surrogate pair, a number out of all bounds."""

WITHOUT_ZEROS = r"regexp_replace(r.payload::text, '(?<!\\)((\\\\)*)\\u0000', '\1', 'g')::json"
"""The payload without its zero characters; an escaped backslash before u0000 makes none."""


@dataclass(frozen=True)
class Landed:
    """What became of a batch of records."""

    received: int
    landed: int
    restated: int = 0
    """Of those that landed, the later versions of a record that was known."""

    @property
    def unchanged(self) -> int:
        """Records that added no version: the latest has this payload already, or a later record of the batch won."""
        return self.received - self.landed


def land(
    warehouse: Warehouse,
    tenant_id: str,
    source: str,
    stream: str,
    batches: Iterable[pl.DataFrame],
    seen_at: datetime,
    before_commit: Callable[[Cursor, Landed], None] | None = None,
    *,
    account: str | None = None,
    import_id: int | None = None,
) -> Landed:
    """Stage the batches, and land them (`staged`, `Staged.land`)."""
    with staged(warehouse, tenant_id, batches) as stage:
        return stage.land(source, stream, seen_at, before_commit, account=account, import_id=import_id)


@contextmanager
def staged(warehouse: Warehouse, tenant_id: str, batches: Iterable[pl.DataFrame]) -> Generator["Staged"]:
    """Records on their way: in the database, in a temporary table, for as long as the block runs.

    Each batch has external_id and payload (JSON text). It is copied in a transaction of its own, while the next is
    being made: neither the database nor who makes them has to wait for the other, however long they take to come.
    """
    with warehouse.session(tenant_id) as transaction:

        @contextmanager
        def staging() -> Generator[Cursor]:
            with transaction() as cursor:
                execute(cursor, "SET LOCAL synchronous_commit = off")  # what is temporary need not outlast a crash
                yield cursor

        def add(batch: pl.DataFrame) -> None:
            with staging() as cursor:
                copy(cursor, "stage_raw", batch)

        columns = "position bigint, external_id text, payload json, payload_hash bytea"
        with staging() as cursor:
            execute(cursor, f"CREATE TEMP TABLE stage_raw ({columns})")
        ids = pl.Series(dtype=pl.String)
        with ThreadPoolExecutor(1, "copy") as copier:
            copied: Future[None] | None = None
            for batch in batches:
                addressed = _addressed(batch, len(ids))
                if copied is not None:
                    copied.result()
                copied = copier.submit(add, addressed)
                ids.append(batch["external_id"])
            if copied is not None:
                copied.result()
        if ids.n_unique() < len(ids):
            with staging() as cursor:
                execute(cursor, "ANALYZE stage_raw (external_id)")  # what the join is planned by
                execute(
                    cursor,
                    "DELETE FROM stage_raw s USING stage_raw later "
                    "WHERE later.external_id = s.external_id AND later.position > s.position",
                )
        yield Staged(len(ids), transaction)
        with staging() as cursor:
            execute(cursor, "DROP TABLE stage_raw")


@dataclass(frozen=True)
class Staged:
    """How many records were received, and what becomes of them."""

    received: int
    transaction: Transaction

    def land(
        self,
        source: str,
        stream: str,
        seen_at: datetime,
        before_commit: Callable[[Cursor, Landed], None] | None = None,
        *,
        account: str | None = None,
        import_id: int | None = None,
    ) -> Landed:
        """Append the records whose payload differs from the latest version of the same external_id.

        All land in one transaction, or nothing does; of an external_id that occurs more than once, the last payload
        counts. A payload that changes and changes back makes three versions: what counts is the latest, not whether it
        was ever seen. The same JSON spelled in another way (the order of its keys, its spaces) is no change. `account`
        is whose they are, `import_id` the import that they are of.

        `before_commit` is called at the end of the transaction: what it writes lands with the records, and if it
        raises, nothing does.
        """
        whose = literal(account) if account else "NULL"
        of_stream = f"r.source = {literal(source)} AND r.stream = {literal(stream)}"
        with self.transaction() as cursor:
            # two pulls of one stream take turns, so that versions count up without a gap or a clash
            lock(cursor, f"{source}/{stream}")
            # a table that was empty when the planner looked at it would be searched in full for each record
            without(cursor, "seqscan")
            inserted = query(
                cursor,
                "WITH inserted AS (INSERT INTO raw.raw_events "
                "(tenant_id, source, stream, external_id, version, account, payload, payload_hash, seen_at, import_id) "
                f"SELECT current_setting('app.tenant_id'), {literal(source)}, {literal(stream)}, s.external_id, "
                f"coalesce(l.version, 0) + 1, {whose}, s.payload, s.payload_hash, {instant(seen_at)}, "
                f"{_number(import_id)} "
                "FROM stage_raw s LEFT JOIN LATERAL ("
                f"SELECT r.version, r.payload, r.payload_hash FROM raw.raw_events r WHERE {of_stream} "
                "AND r.external_id = s.external_id ORDER BY r.version DESC LIMIT 1) l ON true "
                f"WHERE {_differs('l', 's')} RETURNING version) "
                "SELECT count(*)::bigint, count(*) FILTER (WHERE version > 1)::bigint AS restated FROM inserted",
            )
            landed = Landed(self.received, *inserted.row(0))
            if before_commit is not None:
                before_commit(cursor, landed)
        return landed


def _differs(known: str, told: str) -> str:
    """Whether what is told is another payload than the known one, if there is one. Texts are compared as JSON last."""
    unspeakable = " OR ".join(f"{side}.payload::text ~* {NO_JSONB}" for side in (known, told))
    return (
        f"CASE WHEN {known}.payload_hash IS NULL OR {known}.payload_hash = {GONE} THEN true "
        f"WHEN {known}.payload_hash = {told}.payload_hash THEN false "
        f"WHEN {unspeakable} THEN true ELSE {known}.payload::jsonb <> {told}.payload::jsonb END"
    )


def _addressed(batch: pl.DataFrame, first: int) -> pl.DataFrame:
    """The batch with the position of each record among all that were received, and the hash of its payload."""
    hashes = [hashlib.sha256(payload).digest() for payload in batch["payload"].cast(pl.Binary)]
    return batch.select(
        pl.int_range(first, first + batch.height, dtype=pl.Int64).alias("position"),
        "external_id",
        "payload",
        pl.Series("payload_hash", hashes, dtype=pl.Binary),
    )


def reported(account: str, day: str, days: Iterable[date]) -> str:
    """For `bury`: the records of an account's days.

    The ids of the account begin with it and an underscore; the regular expression `day` finds the day in them.
    """
    dates = ", ".join(literal(f"{at:%Y%m%d}") for at in days)
    return (
        f"starts_with(r.external_id, {literal(f'{account}_')}) "
        f"AND replace(substring(r.external_id FROM {literal(day)}), '-', '') IN ({dates})"
    )


def created(account: str, field: str, start: datetime, end: datetime, *, alone: bool) -> str:
    """For `bury`: the account's records whose payload says, in this field, that they came to be in [start, end).

    Where the account has always been `alone`, those of which nobody noted whose they are are its own too.
    """
    # ->> refuses all of a payload for a zero character anywhere in it
    speakable = rf"CASE WHEN strpos(r.payload::text, '\u0000') = 0 THEN r.payload ELSE {WITHOUT_ZEROS} END"
    at = f"({speakable} ->> {literal(field)})::timestamptz"
    own = f"r.account = {literal(account)}"
    own = f"({own} OR r.account IS NULL)" if alone else own
    return f"{own} AND {at} >= {instant(start)} AND {at} < {instant(end)}"


def holds(warehouse: Warehouse, tenant_id: str, source: str, stream: str, *, of_nobody: bool = False) -> bool:
    """Whether any record of the stream is here; or any of which nobody noted whose it is."""
    of_stream = f"source = {literal(source)} AND stream = {literal(stream)}"
    of_stream += " AND account IS NULL" if of_nobody else ""
    with warehouse.as_tenant(tenant_id) as cursor:
        return query(cursor, f"SELECT EXISTS (SELECT FROM raw.raw_events WHERE {of_stream}) AS held")["held"].item()


def holds_any(warehouse: Warehouse, tenant_id: str) -> bool:
    """Whether any record of the tenant is here."""
    with warehouse.as_tenant(tenant_id) as cursor:
        return query(cursor, "SELECT EXISTS (SELECT FROM raw.raw_events) AS held")["held"].item()


def first_seen(warehouse: Warehouse, tenant_id: str) -> datetime | None:
    """When the first version of any record was landed."""
    with warehouse.as_tenant(tenant_id) as cursor:
        return query(cursor, "SELECT min(seen_at) AS seen_at FROM raw.raw_events")["seen_at"].item()


AKIN = "split_part(r.external_id, '/', 1) IN (SELECT split_part(external_id, '/', 1) FROM stage_raw)"
"""For `bury`: the records whose ids begin, up to a slash, as that of a record does that is being landed."""


def akin(cursor: Cursor, source: str, stream: str) -> pl.DataFrame:
    """Within `land`, before its commit: external_id and payload of the records AKIN to those that are being landed."""
    without(cursor, "nestloop")
    current = _current(source, stream, AKIN, ["stage_raw"])
    return query(cursor, f"SELECT r.external_id, r.payload::text AS payload {current}")


def bury(
    cursor: Cursor,
    source: str,
    stream: str,
    among: str,
    others: Iterable[str],
    seen_at: datetime,
    import_id: int | None = None,
) -> int:
    """Within `land`, before its commit: end the records `among` (`reported`, `created`, `AKIN`) that did not come.

    What came is what is being landed, and the `others` by their ids. What a source no longer tells of gets a last
    version that says nothing, which nobody reads as a record. Gives how many were ended.
    """
    without(cursor, "nestloop")  # without statistics, as after a first landing, each would be held against all others
    came = ["stage_raw"]
    ids = pl.DataFrame({"external_id": list(others)}, schema={"external_id": pl.String})
    if not ids.is_empty():
        came.append("stage_came")
        execute(cursor, "CREATE TEMP TABLE stage_came (external_id text) ON COMMIT DROP")
        copy(cursor, "stage_came", ids)
        execute(cursor, "ANALYZE stage_came")
    return execute(
        cursor,
        "INSERT INTO raw.raw_events "
        "(tenant_id, source, stream, external_id, version, account, payload, payload_hash, seen_at, import_id) "
        "SELECT current_setting('app.tenant_id'), r.source, r.stream, r.external_id, r.version + 1, r.account, 'null', "
        f"{GONE}, {instant(seen_at)}, {_number(import_id)} {_current(source, stream, among, came)}",
    )


def _current(source: str, stream: str, among: str, came: Sequence[str]) -> str:
    """From the newest versions r of the records `among` that are in none of the tables `came`."""
    missing = " ".join(f"AND NOT EXISTS (SELECT FROM {s} s WHERE s.external_id = r.external_id)" for s in came)
    return (
        f"FROM raw.raw_events r WHERE r.source = {literal(source)} AND r.stream = {literal(stream)} AND {among} "
        f"AND r.payload_hash <> {GONE} {missing} "
        "AND NOT EXISTS (SELECT FROM raw.raw_events n WHERE (n.source, n.stream, n.external_id) = "
        "(r.source, r.stream, r.external_id) AND n.version > r.version)"
    )


def _number(import_id: int | None) -> str:
    return "NULL" if import_id is None else str(import_id)
