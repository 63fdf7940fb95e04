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


def accounts(graph: Graph, ids: Sequence[str], budget: Budget) -> list[Account]:
    """The accounts named, or all that the token reaches, in their order.

    Whatever their status: one that is closed, disabled or has not paid still tells of what it spent.
    """
    if ids:
        return [_named(graph, number(name), budget) for name in ids]
    return [_account(row) for page in graph.pages("me/adaccounts", FIELDS, budget) for row in page["data"]]


def number(name: str) -> str:
    """The account's digits, with or without "act_" before them."""
    digits = name.strip().removeprefix("act_")
    if not digits.isdecimal():
        raise ConfigError(f"{name} is no ad account of Meta's: its id is a number, as in act_1234567890.")
    return digits


def _named(graph: Graph, digits: str, budget: Budget) -> Account:
    try:
        return _account(graph.get(f"act_{digits}", FIELDS, budget).json())
    except (PermissionDenied, ConfigError) as error:
        return Account(digits, f"act_{digits}", timezone="UTC", currency="", problem=str(error))


def _account(row: Body) -> Account:
    return Account(
        row["account_id"],
        row.get("name") or f"act_{row['account_id']}",
        row["timezone_name"],
        row["currency"],
        opened=datetime.fromisoformat(row["created_time"]),
    )
