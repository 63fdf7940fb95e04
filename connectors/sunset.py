"""When an API's version ends, and what to say of it in time.

python -m connectors.sunset prints what has to be said today, and nothing if there is nothing; `make test` ends with it.
"""

from datetime import UTC, date, datetime, timedelta

from connectors import google_ads, meta, shopify
from connectors.client import Finding

NOTICE = timedelta(days=60)
"""How long before its end a version is spoken of: time enough for an upgrade."""

PINNED: tuple[tuple[str, str, date], ...] = (
    ("shopify", shopify.API_VERSION, shopify.SUNSET),
    ("meta", meta.API_VERSION, meta.SUNSET),
    ("google_ads", google_ads.API_VERSION, google_ads.SUNSET),
)
"""The versions that end, by source, with the first day on which each may be gone; GA4's has no end."""


def notice(source: str, version: str, sunset: date | None, today: date) -> str | None:
    """What a person must know of the version's end; none while it is further away than `NOTICE`."""
    if sunset is None or sunset - today > NOTICE:
        return None
    left = (sunset - today).days
    when = f"in {left} days, on {sunset}" if left > 0 else f"since {sunset}"
    return f"API version {version} of {source} {'ends' if left > 0 else 'may be gone'} {when}: upgrade GrowthOS."


def finding(source: str, version: str, sunset: date, today: date) -> Finding:
    """The same for a probe."""
    said = notice(source, version, sunset, today)
    return Finding("version", said is None, said or f"API version {version} is there until {sunset}.")


def due(today: date) -> list[str]:
    """What has to be said on that day of the versions that are asked for here."""
    return [said for pinned in PINNED if (said := notice(*pinned, today))]


if __name__ == "__main__":
    for words in due(datetime.now(UTC).date()):
        print(f"warning: {words}")
