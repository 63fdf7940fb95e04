"""A Google Ads client over the fake's world, and what is true there."""

from datetime import UTC, datetime
from random import Random

from google_pulling import Login

from connectors.demo import DemoSource
from connectors.fake.google_ads import CLIENT, MANAGER, Customer
from connectors.google_ads.client import STREAM, GoogleAdsClient
from connectors.http import in_process
from connectors.slices import Account, Slice
from connectors.source import STREAMS

SOURCE = DemoSource(days=60)
WORLD = SOURCE.world
TRUTH = {r.external_id: r for page in SOURCE.pages(STREAMS[STREAM], since=None, until=SOURCE.now) for r in page}
ACCOUNT = Account(CLIENT.id, CLIENT.name, SOURCE.timezone, SOURCE.currency)
MCC = MANAGER.id
DISABLED = Customer("1230000009", "Closed", under=MCC, status="CANCELED")
BEGINS, ENDS = (datetime.fromtimestamp(WORLD.calendar.starts[at], UTC) for at in (0, -1))
WHOLE = Slice(STREAM, CLIENT.id, BEGINS, ENDS, "all")


def connect(app, clock, *, login=None, **told):
    told = {"login_customer_id": MCC, **told}
    return GoogleAdsClient(authorizer=login or Login(), clock=clock, transport=in_process(app), dice=Random(1), **told)


def is_stream(request):
    return request.path.endswith("searchStream")
