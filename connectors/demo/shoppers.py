"""Who comes to the shop, from where, and how often they come back."""

from collections.abc import Iterator
from typing import Literal

from connectors.demo.demand import Flow
from connectors.demo.dice import Choice, Curve, Roll, interpolate
from connectors.demo.model import Fact

ARRIVALS_A_DAY = 14
GUESTS = 0.043  # of arrivals: they check out once without an account
KNOWN_SINCE = 40  # arrivals ago, for a guest who is a customer
SUBSCRIBERS = 0.012  # of arrivals: they open an account and never order

# The share of customers who have come back, by days since the order before; the rest never do. A second
# order makes a habit, so the later ones follow faster and more surely.
SECOND_ORDER: Curve = ((0, 0.3), (0.08, 7), (0.225, 30), (0.36, 60), (0.46, 90), (0.62, 180))
LATER_ORDER: Curve = ((0, 1), (0.2, 9), (0.52, 21), (0.78, 38), (0.9, 70))


class Place(Fact, frozen=True):
    """Where shoppers live: how often, the sales tax in basis points, whether prices include it.

    `presentment` is the currency they see prices in, where that is not the shop's.
    """

    country: str
    province: str | None
    weight: int
    tax: int
    tax_included: bool = False
    presentment: str | None = None


PLACES = (
    Place("US", "NY", 16, 888),
    Place("US", "CA", 18, 863),
    Place("US", "TX", 14, 825),
    Place("US", "FL", 10, 700),
    Place("US", "IL", 8, 1025),
    Place("US", "WA", 7, 1010),
    Place("US", "OR", 5, 0),
    Place("CA", "ON", 6, 1300),
    Place("AU", "NSW", 3, 1000),
    Place("DE", None, 6, 1900, tax_included=True, presentment="EUR"),
    Place("FR", None, 4, 2000, tax_included=True, presentment="EUR"),
    Place("NL", None, 3, 2100, tax_included=True, presentment="EUR"),
)
place = Choice(PLACES, [p.weight for p in PLACES])

CHANNELS = ("meta", "google", "organic", "email", "direct", "affiliate")
first_channel = Choice(CHANNELS, (30, 25, 20, 10, 10, 5))
later_channel = Choice(CHANNELS, (12, 15, 11, 36, 24, 2))

FIRST_NAMES = ("ava", "ben", "chloe", "dan", "emma", "finn", "grace", "hugo", "iris", "jack", "kira", "leo")
LAST_NAMES = ("adams", "baker", "cole", "diaz", "evans", "fox", "gray", "hall", "ito", "khan", "lane")

Kind = Literal["customer", "guest", "subscriber"]


class Shopper(Fact, frozen=True):
    """Someone who comes to the shop; `arrival` is when, on the clock of demand."""

    number: int
    kind: Kind
    email: str
    place: Place
    channel: str
    arrival: float


def arrivals(days: int, scale: int, demand: Flow, acquisition: Flow, roll: Roll) -> Iterator[Shopper]:
    """Everyone who comes, in order, spread evenly over the flow of acquisition."""
    count = ARRIVALS_A_DAY * days * scale
    for number in range(count):
        moment = demand.moment(*acquisition.locate((number + roll()) / count * acquisition.total))
        kind = _kind(roll())
        yield Shopper(number, kind, _email(_person(number, kind)), place(roll), first_channel(roll), moment)


def visits(shopper: Shopper, end: float, roll: Roll) -> Iterator[float]:
    """When the shopper orders, on the clock of demand, which ends at `end`."""
    if shopper.kind == "subscriber":
        return
    moment, gaps = shopper.arrival, SECOND_ORDER
    while moment < end:
        yield moment
        chance = roll()
        if shopper.kind == "guest" or chance > gaps[-1][0]:
            return
        moment, gaps = moment + interpolate(gaps, chance), LATER_ORDER


def _kind(chance: float) -> Kind:
    if chance < GUESTS:
        return "guest"
    return "subscriber" if chance < GUESTS + SUBSCRIBERS else "customer"


def _person(number: int, kind: Kind) -> int:
    """Whose e-mail address it is: three guests in four have shopped before, and only did not log in."""
    return number - KNOWN_SINCE if kind == "guest" and number % 4 and number >= KNOWN_SINCE else number


def _email(number: int) -> str:
    rest, first = divmod(number, len(FIRST_NAMES))
    return f"{FIRST_NAMES[first]}.{LAST_NAMES[rest % len(LAST_NAMES)]}{number}@example.com"
