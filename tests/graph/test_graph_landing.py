"""What becomes of a record before it lands: personal data never does, however much of it a source left undecoded."""

from copy import deepcopy
from typing import Any

import msgspec
import pytest

from connectors.source import STREAMS, RawRecord
from growthos_assets.raw.landing import encoder
from warehouse import tenants, vault
from warehouse.tenants import Tenant

KEY = b"k" * 32
TOLD = {
    "shopify/orders": {"id": "1", "email": "Jo@example.com", "note": None},
    "shopify/customers": {"id": "1", "defaultEmailAddress": {"emailAddress": "Jo@example.com", "marketing": "no"}},
}


def undecoded(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in payload.items()}


@pytest.mark.parametrize("stream", TOLD)
@pytest.mark.parametrize("told", [deepcopy, undecoded], ids=["decoded", "undecoded"])
def test_an_address_is_hashed_and_all_else_is_as_it_was_told(
    stream: str, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenants, "pii_key", lambda tenant_id: KEY)
    encode = encoder(Tenant("acme", "Acme"), STREAMS[stream])
    landed = encode(RawRecord("1", told(TOLD[stream])))
    whole = msgspec.json.encode(TOLD[stream]).decode()
    assert landed == whole.replace("Jo@example.com", vault.hash_email("Jo@example.com", KEY))
    assert encoder(Tenant("acme", "Acme", keep_pii=True), STREAMS[stream])(RawRecord("1", told(TOLD[stream]))) == whole


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        ("shopify/orders", {}),
        ("shopify/orders", {"email": None}),
        ("shopify/customers", {}),
        ("shopify/customers", {"defaultEmailAddress": None}),
        ("shopify/customers", {"defaultEmailAddress": {}}),
    ],
)
def test_where_there_is_no_address_there_is_none_afterwards(
    stream: str, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenants, "pii_key", lambda tenant_id: KEY)
    encode = encoder(Tenant("acme", "Acme"), STREAMS[stream])
    assert msgspec.json.decode(encode(RawRecord("1", undecoded(told)))) == told
