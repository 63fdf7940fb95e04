"""The demo brand's four APIs on a loopback port: `python -m connectors.fake`. They go on from the demo's last day."""

import argparse
import contextlib
import sys
import threading
from datetime import UTC, datetime, timedelta

from connectors.demo import DemoSource
from connectors.fake.demo import SHOP, apis
from connectors.fake.meta import ACCESS_TOKEN
from connectors.fake.oauth import CLIENT_ID, CLIENT_SECRET
from connectors.fake.serving import HOST, serving

GUIDE = f"""The demo brand's APIs are served below {{base_url}}. Ctrl-C stops.

In another terminal, for a tenant that is not a demo:
  export GROWTHOS_APIS={{base_url}}
  export SHOPIFY_CLIENT_ID={CLIENT_ID} SHOPIFY_CLIENT_SECRET={CLIENT_SECRET}
  growthos connect shopify -t my-shop --shop {SHOP}
  META_ACCESS_TOKEN={ACCESS_TOKEN} growthos connect meta -t my-shop
  growthos sync -t my-shop"""


class Shifted:
    """The machine's clock, as far behind as to begin at an instant."""

    def __init__(self, start: datetime) -> None:
        self._behind = datetime.now(UTC) - start

    def now(self) -> datetime:
        return datetime.now(UTC) - self._behind

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(seconds)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m connectors.fake", description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--scale", type=int, default=1, help="multiplies the brand's customers, orders and campaigns")
    parser.add_argument("--now", action="store_true", help="end the brand's history yesterday instead")
    asked = parser.parse_args()
    last_day = datetime.now(UTC).date() - timedelta(days=1) if asked.now else DemoSource.last_day
    brand = DemoSource(seed=asked.seed, scale=asked.scale, last_day=last_day)
    base_url = f"http://{HOST}:{asked.port}"
    with serving(apis(brand.world, Shifted(brand.now), base_url), asked.port):
        print(GUIDE.format(base_url=base_url))
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
