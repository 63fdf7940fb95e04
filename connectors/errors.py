"""What can go wrong with an API, by what to do about it: nine kinds, and each API's own codes lead to one of them."""

import traceback
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


class ApiError(Exception):
    """What an API, or the way to it, said no with.

    The message says what happened and what to do next, and holds no secret. `code` is the API's own word for it.
    """

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code

    @property
    def kind(self) -> str:
        """The name under which the ledger keeps it: auth, permission, config, …"""
        return KINDS[type(self)]


class AuthError(ApiError):
    """The credentials are refused: connect again."""


class PermissionDenied(ApiError):
    """The credentials are fine, and may not do this: grant what is missing."""


class ConfigError(ApiError):
    """What was asked for does not exist or makes no sense: mend the settings."""


class RateLimited(ApiError):
    """Not now: ask again at `retry_at`."""

    def __init__(self, message: str, *, retry_at: datetime, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_at = retry_at


class Transient(ApiError):
    """Passes by itself: a dropped connection, a busy server. `after` is the wait in seconds that the API asked for."""

    def __init__(self, message: str, *, after: float | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.after = after


class TooBig(ApiError):
    """Too much was asked for at once: split it. Asking again as it is will not help."""


class Truncated(ApiError):
    """Fewer or other rows came than the source says it has: what came is not kept."""


class ApiRetired(ApiError):
    """The API's version is gone: upgrade GrowthOS."""


class Bug(ApiError):
    """An answer that nothing here expects: report it."""


KINDS: dict[type[ApiError], str] = {
    AuthError: "auth",
    PermissionDenied: "permission",
    ConfigError: "config",
    RateLimited: "rate_limited",
    Transient: "transient",
    TooBig: "too_big",
    Truncated: "truncated",
    ApiRetired: "api_retired",
    Bug: "bug",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of an API's error table: what its code means here, and what a person does about it."""

    error: type[ApiError]
    advice: str


@contextmanager
def reading() -> Generator[None]:
    """An answer of a shape that nothing expects is a Bug, of whoever asked and of nobody else.

    It names the calls that could not read it, and quotes nothing: what an answer holds may be a secret, or a person's.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        calls = traceback.extract_tb(error.__traceback__)[:-4:-1]  # the innermost may be Python's own
        where = " of ".join(f"{call.name} ({Path(call.filename).name}:{call.lineno})" for call in calls)
        raise Bug(f"An answer could not be read: {type(error).__name__} in {where}. Please report it.") from None
