"""How a table of the graph is declared: its contract, the transform that fills it, the checks that guard it.

A declaration names no Dagster and does no I/O, so a test or a notebook imports a table's module and calls its transform
on frames of its own. `table_assets.py` turns each declaration into an asset.

    @table(FactSpend)
    def fact_spend(stg_spend: LazyFrame[StgSpend], tenant: Tenant) -> pl.LazyFrame: ...

    @check(FactSpend)
    def fk_spend_channel(fact_spend: LazyFrame[FactSpend], dim_channel: LazyFrame[DimChannel]) -> Finding: ...

A parameter annotated `LazyFrame[Contract]` is an upstream table; `tenant: Tenant` (the tenant's settings) and
`now: datetime` (the run's instant) are handed in by name. `Annotated[pl.LazyFrame, function]` is the result of another
function of tables: work that several transforms need, such as reading a file's rows, done once a run, stored nowhere. A
check may also ask for `quarantined: pl.LazyFrame`, the candidate rows that break their contract, and for
`received: Received`, how many raw records were read.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import polars as pl
from pandera.typing.polars import LazyFrame

from warehouse.contract import Table

Contract = type[Table]
Severity = Literal["error", "warn"]
Transform = Callable[..., pl.LazyFrame]
Received = Mapping[Contract, int]
"""How many records of each raw stream there were when it was last read to its end: counted as they came, since more may
have landed by now."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Finding:
    """What a check found. A check that does not apply to this tenant is passed and says why it was skipped."""

    passed: bool
    message: str
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    skipped: bool = False
    rows_in: int | None = None
    """How many rows came in, of a check that counts them apart from the transform."""

    @staticmethod
    def skip(why: str) -> "Finding":
        """The check does not apply; nothing is wrong."""
        return Finding(passed=True, message=f"skipped: {why}", skipped=True)

    @staticmethod
    def of(violations: pl.DataFrame, wrong: str, *, ok: str) -> "Finding":
        """Passed when there is no violating row; otherwise `wrong` says what the rows have in common."""
        if violations.is_empty():
            return Finding(passed=True, message=ok)
        return Finding(False, f"{violations.height} {wrong}", {"examples": violations.head(20)})


@dataclass(frozen=True)
class Check:
    """A rule about a table as a whole, looked at before the table is published.

    An `error` stops the publish, fails the run and leaves the last good rows in place; a `warn` is only reported.
    """

    function: Callable[..., Finding]
    severity: Severity

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def blocking(self) -> bool:
        return self.severity == "error"


@dataclass
class Declaration:
    """A table of the graph: everything an asset is made from."""

    contract: Contract
    transform: Transform
    show: Callable[[pl.DataFrame], Any] | None
    keeps_past: bool
    checks: list[Check] = field(default_factory=list[Check])

    @property
    def name(self) -> str:
        return self.contract.__spec__.name

    @property
    def key(self) -> tuple[str, str]:
        """(layer, table): the asset key, and the schema and name in the database."""
        return self.contract.__spec__.schema, self.contract.__spec__.name

    @property
    def upstream(self) -> list[Contract]:
        """Contracts of the tables that the transform and the checks read."""
        functions = [self.transform, *(check.function for check in self.checks)]
        found = dict.fromkeys(contract for function in functions for contract in reads(function))
        return [contract for contract in found if contract is not self.contract]


TABLES: dict[str, Declaration] = {}
"""Every declared table, by table name, in the order of declaration."""


@functools.cache
def inputs(function: Callable[..., Any]) -> Mapping[str, Contract]:
    """The tables that a transform or a check takes: parameter name → contract."""
    hints = typing.get_type_hints(function)
    return {
        name: typing.get_args(hint)[0]
        for name, hint in hints.items()
        if name != "return" and typing.get_origin(hint) is LazyFrame
    }


@functools.cache
def shared(function: Callable[..., Any]) -> Mapping[str, Transform]:
    """The results of other functions that a transform or a check takes: parameter name → function."""
    hints = typing.get_type_hints(function, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if typing.get_origin(hint) is typing.Annotated}


def takers(function: Transform) -> set[Callable[..., Any]]:
    """The declared transforms and checks that take the function's result."""
    functions = (f for d in TABLES.values() for f in (d.transform, *(check.function for check in d.checks)))
    return {taker for taker in functions if function in shared(taker).values()}


def reads(function: Callable[..., Any]) -> list[Contract]:
    """The tables that a transform or a check takes, by itself or through what it shares."""
    found = [*inputs(function).values(), *(table for other in shared(function).values() for table in reads(other))]
    return list(dict.fromkeys(found))


def readers(contract: Contract) -> set[str]:
    """Names of the declared tables that are made from this one, or checked against it."""
    return {name for name, declaration in TABLES.items() if contract in declaration.upstream}


@dataclass(frozen=True)
class Shared:
    """What a shared function gave, and which declared functions have yet to take it."""

    frame: pl.LazyFrame
    waiting: set[Callable[..., Any]]


class Call:
    """Calls transforms and checks with what their parameters ask for: tables, the tenant, the instant, shared work."""

    def __init__(
        self,
        read: Callable[[Contract], pl.LazyFrame],
        given: Mapping[str, Any],
        done: dict[Transform, Shared] | None = None,
    ) -> None:
        self._read, self._given = read, given
        self._done = {} if done is None else done

    def __call__(self, function: Callable[..., Any], **more: Any) -> Any:
        """The function's result; `more` is given to this one alone."""
        tables = {name: self._read(contract) for name, contract in inputs(function).items()}
        results = {name: self._result(other, function) for name, other in shared(function).items()}
        names = inspect.signature(function).parameters
        given = {**self._given, **more}
        return function(**tables, **results, **{name: given[name] for name in names if name in given})

    def _result(self, function: Transform, taker: Callable[..., Any]) -> pl.LazyFrame:
        """The function's result, forgotten with its last taker: a decoded history is the largest thing in memory."""
        if function not in self._done:
            # streaming, so that the payloads of a history go by in batches while more are fetched; brought together
            # they give back what each batch had to spare
            frame = self(function).collect(engine="streaming").rechunk()
            self._done[function] = Shared(frame.lazy(), takers(function))
        result = self._done[function]
        result.waiting.discard(taker)
        if not result.waiting:
            del self._done[function]
        return result.frame


def table(
    contract: Contract, *, show: Callable[[pl.DataFrame], Any] | None = None, keeps_past: bool = False
) -> Callable[[F], F]:
    """Declare the transform that fills `contract`'s table. The function itself is returned unchanged.

    `show` turns the published frame into a chart or a Markdown text for the UI. With `keeps_past`, rows that
    the transform no longer gives stay.
    """

    def declare(transform: F) -> F:
        TABLES[contract.__spec__.name] = Declaration(contract, transform, show, keeps_past)
        return transform

    return declare


def check(contract: Contract, severity: Severity = "error") -> Callable[[F], F]:
    """Declare a check of `contract`'s table; it reads the candidate rows under the table's own name."""

    def declare(function: F) -> F:
        TABLES[contract.__spec__.name].checks.append(Check(function, severity))
        return function

    return declare


def upstream_first(tables: Mapping[str, Declaration]) -> Iterator[Declaration]:
    """The tables in an order in which each comes after those that it reads."""
    done: set[str] = set()

    def visit(declaration: Declaration) -> Iterator[Declaration]:
        if declaration.name in done:
            return
        done.add(declaration.name)
        for contract in declaration.upstream:
            if contract.__spec__.name in tables:
                yield from visit(tables[contract.__spec__.name])
        yield declaration

    for declaration in tables.values():
        yield from visit(declaration)
