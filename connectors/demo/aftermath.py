"""What becomes of an order: mostly nothing; some are cancelled, some sent back."""

from typing import Literal

from connectors.demo.baskets import Line
from connectors.demo.calendar import DAY, HOUR
from connectors.demo.dice import Roll, integer
from connectors.demo.model import Fact

VOIDED = 0.005  # of orders: cancelled before anything was paid
CANCELLED = 0.005  # of orders: cancelled and paid back in full
RETURNED = 0.088  # of orders; where that would be after the demo's end, it has not happened
NO_RESTOCK = 0.2  # of returns
KEPT = 0.06  # of returns: the shop withholds a fee
FEE = 500

Restock = Literal["RETURN", "NO_RESTOCK", "CANCEL"]


class RefundLine(Fact, frozen=True):
    """How much of the order's line at `position` is refunded, in cents."""

    position: int
    quantity: int
    subtotal: int
    tax: int


class Refund(Fact, frozen=True):
    """`fee` is withheld from the lines' value; `shipping` is paid back on top of it."""

    created: int
    restock: Restock
    lines: tuple[RefundLine, ...]
    fee: int = 0
    shipping: int = 0


class Aftermath(Fact, frozen=True):
    cancelled: int | None = None
    refund: Refund | None = None


NOTHING = Aftermath()


def befall(lines: tuple[Line, ...], shipping: int, created: int, end: int, roll: Roll) -> Aftermath:
    """What has become of an order by the demo's end."""
    fate = roll()
    if fate < VOIDED + CANCELLED:
        at = created + integer(roll, HOUR // 2, 20 * HOUR)
        if fate < VOIDED:
            aftermath = Aftermath(cancelled=at)
        else:
            everything = tuple(_refund(index, line, line.quantity) for index, line in enumerate(lines))
            aftermath = Aftermath(at, Refund(at, "CANCEL", everything, shipping=shipping))
    elif fate < VOIDED + CANCELLED + RETURNED:
        at = created + integer(roll, 2 * DAY, 28 * DAY)
        aftermath = Aftermath(refund=_return(lines, at, roll))
    else:
        return NOTHING
    return aftermath if at < end else NOTHING


def _return(lines: tuple[Line, ...], at: int, roll: Roll) -> Refund:
    """30–100 % of the lines sent back, now and then only one unit of a line."""
    returnable = [index for index, line in enumerate(lines) if line.returnable]
    count = max(1, int((0.3 + 0.7 * roll()) * len(returnable) + 0.5))
    start = int(roll() * len(returnable))
    chosen = sorted(returnable[(start + step) % len(returnable)] for step in range(count))
    return Refund(
        at,
        "NO_RESTOCK" if roll() < NO_RESTOCK else "RETURN",
        tuple(_refund(index, lines[index], 1 if roll() < 0.3 else lines[index].quantity) for index in chosen),
        fee=FEE if roll() < KEPT else 0,
    )


def _refund(index: int, line: Line, quantity: int) -> RefundLine:
    return RefundLine(index, quantity, line.net * quantity // line.quantity, line.tax * quantity // line.quantity)
