"""How much the brand sells on each day, apart from to whom: weekly season, noise, the spike, growth."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from connectors.demo.anomalies import factor
from connectors.demo.calendar import Calendar
from connectors.demo.dice import Curve, Roll, interpolate, wobble

SEASON = (1.02, 0.95, 0.94, 0.96, 1.00, 1.04, 1.09)  # Monday … Sunday
GROWTH = 0.35 / 180  # of the first day's level, a day
NOISE = 0.12

# The share of a day's orders that have come, and the share of the day that is over by then.
DAYTIME: Curve = ((0, 0), (0.04, 0.25), (0.2, 0.42), (0.45, 0.58), (0.65, 0.75), (0.9, 0.92), (1, 1))


@dataclass(frozen=True)
class Flow:
    """Time that runs as fast as people buy: `passed` is what is over when each day begins, and at the end.

    An ordinary day is about 1 long, a day of the spike 1.6. Who buys "20 days later" on this clock buys
    sooner in a busy season, so one clock gives season, noise and spike to first and later orders alike.
    """

    passed: tuple[float, ...]

    @classmethod
    def of(cls, levels: list[float]) -> "Flow":
        return cls(tuple(accumulate(levels, initial=0.0)))

    @property
    def total(self) -> float:
        return self.passed[-1]

    def locate(self, moment: float) -> tuple[int, float]:
        """The day, and the share of its flow that has passed."""
        day = bisect_right(self.passed, moment) - 1
        return day, (moment - self.passed[day]) / (self.passed[day + 1] - self.passed[day])

    def moment(self, day: int, share: float) -> float:
        return self.passed[day] + share * (self.passed[day + 1] - self.passed[day])


def levels(calendar: Calendar, roll: Roll) -> list[float]:
    """How busy each day is; 1 is ordinary."""
    return [
        SEASON[calendar.date(day).weekday()] * wobble(roll, NOISE) * factor("demand_spike", "shop", day)
        for day in range(calendar.days)
    ]


def growing(levels: list[float]) -> list[float]:
    """The same days for someone who comes for the first time: the brand gets better known."""
    return [level * (1 + GROWTH * day) for day, level in enumerate(levels)]


def clock_time(calendar: Calendar, day: int, share: float) -> int:
    """The instant at which `share` of the day's orders have come."""
    return calendar.instant(day, interpolate(DAYTIME, share))
