"""The ad accounts that a token reaches.

https://developers.facebook.com/docs/marketing-api/reference/ad-account
"""

from collections.abc import Sequence
from datetime import datetime

from connectors.budget import Budget
from connectors.errors import ConfigError, PermissionDenied
from connectors.meta.reports import Graph
from connectors.slices import Account
from connectors.source import Body

FIELDS = {"fields": "account_id,name,currency,timezone_name,created_time"}
COUNTED = {**FIELDS, "summary": "true"}
"""Meta's own library asks every edge for its count like this; one that has none leaves it out."""

UNFINISHED = (
    "Meta tells no time zone or no currency of it. Finish its set-up in Ads Manager, or name the accounts that are to "
    "be read: --account act_123."
)


def accounts(graph: Graph, ids: Sequence[str], budget: Budget) -> list[Account]:
    """The accounts named, or all that the token reaches, in their order.

    Whatever their status: one that is closed, disabled or has not paid still tells of what it spent.
    """
    if ids:
        return [_named(graph, number(name), budget) for name in ids]
    found, counted = _listed(graph, budget)
    if counted is None or len(found) < counted:  # what a page has lost, another list may have
        again, counted = _listed(graph, budget)
        found |= again
    missing = (counted or 0) - len(found)
    return [*found.values(), *([_unnamed(missing)] if missing > 0 else [])]


def number(name: str) -> str:
    """The account's digits, with or without "act_" before them."""
    digits = name.strip().removeprefix("act_")
    if not digits.isdecimal():
        raise ConfigError(f"{name} is no ad account of Meta's: its id is a number, as in act_1234567890.")
    return digits


def _listed(graph: Graph, budget: Budget) -> tuple[dict[str, Account], int | None]:
    """The accounts on the pages that there are, by id, and how many Meta says that they are, if it does."""
    pages = list(graph.pages("me/adaccounts", COUNTED, budget))
    found = [_account(row) for page in pages for row in page["data"]]
    counted = next((page["summary"]["total_count"] for page in pages if "total_count" in page.get("summary", {})), None)
    return {account.id: account for account in found}, counted


def _unnamed(missing: int) -> Account:
    """In place of accounts that Meta counts and does not name."""
    words = f"Meta counts {missing} more ad accounts than it names. Name those that are to be read: --account act_123."
    return Account("unnamed", f"{missing} ad accounts", timezone="UTC", currency="", problem=words)


def _named(graph: Graph, digits: str, budget: Budget) -> Account:
    try:
        return _account(graph.get(f"act_{digits}", FIELDS, budget).json())
    except (PermissionDenied, ConfigError) as error:
        return Account(digits, f"act_{digits}", timezone="UTC", currency="", problem=str(error))


def _account(row: Body) -> Account:
    timezone, currency, created = (row.get(name) for name in ("timezone_name", "currency", "created_time"))
    return Account(
        row["account_id"],
        row.get("name") or f"act_{row['account_id']}",
        timezone or "UTC",
        currency or "",
        opened=datetime.fromisoformat(created) if created else None,
        problem=None if timezone and currency else UNFINISHED,
    )
