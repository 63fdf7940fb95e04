"""The demo brand's four APIs on a loopback port, its 180 days ending yesterday: `python -m connectors.fake`."""

import argparse
import contextlib
import sys
import threading
from datetime import UTC, date, datetime, timedelta

from connectors.clock import SystemClock
from connectors.demo import DemoSource
from connectors.fake.demo import SHOP, apis
from connectors.fake.meta import ACCESS_TOKEN
from connectors.fake.oauth import CLIENT_ID, CLIENT_SECRET
from connectors.fake.serving import HOST, serving

GUIDE = f"""The demo brand's APIs are served below {{base_url}}. Ctrl-C stops.

In another terminal, for a tenant that is not a demo:
  export GROWTHOS_APIS={{base_url}}
  export GROWTHOS_SHOPIFY_CLIENT_ID={CLIENT_ID} GROWTHOS_SHOPIFY_CLIENT_SECRET={CLIENT_SECRET}
  export GROWTHOS_META_ACCESS_TOKEN={ACCESS_TOKEN}
  growthos connect shopify -t my-shop --shop {SHOP}
  growthos connect meta -t my-shop
  growthos sync -t my-shop"""


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m connectors.fake", description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--scale", type=int, default=1, help="multiplies the brand's customers, orders and campaigns")
    parser.add_argument(
        "--last-day", type=date.fromisoformat, help="the last of the brand's 180 days; default: yesterday"
    )
    asked = parser.parse_args()
    last_day = asked.last_day or datetime.now(UTC).date() - timedelta(days=1)
    brand = DemoSource(seed=asked.seed, scale=asked.scale, last_day=last_day)
    base_url = f"http://{HOST}:{asked.port}"
    with serving(apis(brand.world, SystemClock(), base_url), asked.port):
        print(GUIDE.format(base_url=base_url))
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
