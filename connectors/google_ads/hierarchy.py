"""Which Google Ads accounts there are below the ones that a login reaches."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.slices import Account
from connectors.source import Body

CLIENTS = (
    "SELECT customer_client.id, customer_client.descriptive_name, customer_client.level, customer_client.manager, "
    "customer_client.status, customer_client.time_zone, customer_client.currency_code, customer_client.test_account "
    "FROM customer_client"
)
"""All levels at once, the asked account itself among them."""

NOT_REACHED = (
    "The login reaches no such account, or it is a manager, which has no figures. Check the id, and who has access at "
    "ads.google.com under Access and security."
)

UNFINISHED = (
    "The account has no time zone or no currency: it was never set up to its end. Finish it at ads.google.com, or "
    "leave it out."
)


@dataclass(frozen=True, slots=True)
class Reached:
    """An account, and the one through which the login reaches it."""

    account: Account
    through: str
    is_test: bool = False


def reached(rows: Iterable[Body], root: str) -> list[Reached]:
    """The accounts among the rows of `CLIENTS` that are no managers; one that has no figures has a problem."""
    clients = (row["customerClient"] for row in rows)
    return [
        Reached(
            Account(
                client["id"],
                client.get("descriptiveName") or client["id"],
                client.get("timeZone") or "UTC",
                client.get("currencyCode", ""),
                problem=_problem(client),
            ),
            root,
            client.get("testAccount", False),
        )
        for client in clients
        if not client.get("manager")
    ]


def refused(customer: str, problem: str) -> Reached:
    """An account of which nothing is known but why it cannot be asked."""
    return Reached(Account(customer, customer, "UTC", "", problem=problem), customer)


def _problem(client: Body) -> str | None:
    status = client.get("status", "UNKNOWN")
    if status != "ENABLED":
        return f"The account is {status.lower()}, and Google Ads gives no figures of it. Enable it, or leave it out."
    if not (client.get("timeZone") and client.get("currencyCode")):
        return UNFINISHED
    return None
