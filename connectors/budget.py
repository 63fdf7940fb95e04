"""What a slice may cost: so many failures, so much waiting, and an hour in all."""

import random
from datetime import datetime, timedelta

from connectors.clock import Clock
from connectors.errors import ApiError, RateLimited, Transient

LONGEST_BACKOFF = 60.0
LONGEST_WAIT = timedelta(minutes=5)
"""For how long a run may sleep for a source at once; whoever has to wait longer is told when to come back."""
SLICE_LASTS = timedelta(hours=1)
"""How long after its first request a slice may still wait for anything."""
TELLING = timedelta(minutes=1)
"""From when on the pace of a slice tells how long it takes."""
COME_BACK = timedelta(minutes=10)
"""When a slice that waited for so long is asked for again; longer than anyone sleeps for it."""


class Budget:
    """What a slice may cost: failures, seconds of waiting for them to pass, and time in all."""

    def __init__(
        self, clock: Clock, failures: int = 30, seconds: float = 900.0, lasts: timedelta = SLICE_LASTS
    ) -> None:
        self.clock = clock
        self.failures = failures
        self.seconds = seconds
        self.deadline = clock.now() + lasts

    def delay(self, error: ApiError, attempt: int, dice: random.Random) -> float:
        """Seconds to wait before the next try. Raises the error if it does not pass, or the budget does not last."""
        match error:
            case RateLimited():
                wait = max(0.0, (error.retry_at - self.clock.now()).total_seconds())
            case Transient(after=float(asked) | int(asked)):
                wait = float(asked)
            case Transient():
                wait = dice.uniform(0, min(LONGEST_BACKOFF, 2.0**attempt))  # full jitter
            case _:
                raise error
        self.failures -= 1
        self.seconds -= wait
        if self.failures < 0 or self.seconds < 0 or wait > LONGEST_WAIT.total_seconds():
            raise error
        return wait + dice.uniform(0, 1)

    def outlasted(self, done: int, whole: int, since: datetime) -> bool:
        """Whether what has been done since then shows that the whole will not be done in the slice's time."""
        now = self.clock.now()
        spent = now - since
        return done < whole and spent >= TELLING and spent * (whole - done) > (self.deadline - now) * done

    def check(self, seconds: float, why: str) -> None:
        """Raises RateLimited if the slice's time were over after so many seconds more, whatever they are for."""
        now = self.clock.now()
        if now + timedelta(seconds=seconds) > self.deadline:
            raise RateLimited(f"{why} The time for one slice is over.", retry_at=now + COME_BACK)


def bearable(until: datetime, now: datetime, why: str, code: str | None = None) -> float:
    """Seconds until then, none once it is over; RateLimited, because of `why`, if nobody should sleep for so long."""
    if until - now > LONGEST_WAIT:
        raise RateLimited(why, retry_at=until, code=code)
    return max(0.0, (until - now).total_seconds())
