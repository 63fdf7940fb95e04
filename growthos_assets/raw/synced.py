"""What became of a stream's sync, as its report, its checks and the command line tell it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

WAITING, SCOPE, CLOSED, LOST = "waiting", "scope", "account", "lost"
"""Kinds of problem besides those of errors: the source's wait is not over; the app may not see all; the account is
closed; it is no longer named."""

EXPECTED = ("rate_limited", WAITING, SCOPE, CLOSED)
"""Problems that pass by themselves or that somebody decided on: a warning, where anything else is an error."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why some of an account is missing. `retry_at` is when the source may be asked again, if it said so."""

    account: str
    kind: str
    message: str
    retry_at: datetime | None = None


@dataclass(slots=True)
class Synced:
    """What became of a stream's sync, over all of its accounts.

    `named` are the ids of those that the source named; None where one did not say. `reads_all` is whether they are all
    that a credential reaches.
    """

    named: set[str] | None = None
    reads_all: bool = False
    slices: int = 0
    verified: int = 0
    pages: int = 0
    expected: int = 0
    received: int = 0
    landed: int = 0
    restated: int = 0
    vanished: int = 0
    requests: int = 0
    waited: float = 0.0
    api_version: str = ""
    quota: dict[str, object] = field(default_factory=dict[str, object])
    proven_to: dict[str, datetime] = field(default_factory=dict[str, datetime])
    notes: list[str] = field(default_factory=list[str])
    problems: list[Problem] = field(default_factory=list[Problem])

    @property
    def unchanged(self) -> int:
        """Records that added no version."""
        return self.received - self.landed

    @property
    def is_expected(self) -> bool:
        """What is missing passes by itself, or somebody decided on it."""
        return all(problem.kind in EXPECTED for problem in self.problems)


SUMS = (
    "slices", "verified", "pages", "expected", "received", "landed", "restated", "vanished", "requests", "waited",
    "notes", "problems",
)  # fmt: skip


def together(parts: Sequence[Synced]) -> Synced:
    """What became of a stream over several connections."""
    whole = Synced(api_version=", ".join(dict.fromkeys(part.api_version for part in parts)))
    for part in parts:
        for name in SUMS:
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        whole.reads_all |= part.reads_all
        whole.quota |= part.quota
        whole.proven_to |= part.proven_to
    named = [part.named for part in parts]
    whole.named = None if None in named else set[str]().union(*filter(None, named))
    return whole
