"""What time it is by the source, whose clock stamps what it tells: this machine's may be wrong.

Every answer says when it was given. What is over and can be asked for whole, and when it was, is decided by that.
"""

from datetime import datetime, timedelta

from connectors.client import Finding
from connectors.clock import Clock
from connectors.exchange import Meter, Reply

ON_THE_WAY = timedelta(seconds=30)
"""By how much a right clock may seem ahead, for as long as an answer takes to come: it is left alone."""
WRONG = timedelta(minutes=5)
"""From when on a person is told: logins and the days of every number go by this machine's clock too."""


def now(clock: Clock, meter: Meter) -> datetime:
    """The time by the source's clock, as its last answer told."""
    return clock.now() - meter.ahead if abs(meter.ahead) > ON_THE_WAY else clock.now()


def notice(by: timedelta) -> str | None:
    """What a person must know of a clock that is so much ahead, or behind if it is negative."""
    if abs(by) <= WRONG:
        return None
    way = "ahead of" if by > timedelta(0) else "behind"
    apart = timedelta(seconds=round(abs(by).total_seconds()))
    return f"This machine's clock is {apart} {way} the source's, whose time was gone by. Set it, by NTP for one."


def finding(reply: Reply) -> Finding:
    """The same for a probe."""
    by = reply.ahead
    if by is None:
        return Finding("clock", None, "The answer told no time.")
    said = notice(by)
    return Finding("clock", said is None, said or "This machine's clock goes right.")
