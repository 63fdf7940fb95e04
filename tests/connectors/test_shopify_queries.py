"""Every query is valid by Shopify's schema, and every answer of the fake has exactly the shape that was asked for."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    InlineFragmentNode,
    build_schema,
    parse,
    validate,
)
from shopify_api import STREAMS, client, end, everything, pulled, small, with_order

from connectors.clock import VirtualClock
from connectors.fake.points import requested
from connectors.fake.shopify import MAX_COST, SCOPES, FakeShopify
from connectors.shopify import PAGE_SIZE
from connectors.shopify.queries import IDS, LISTINGS, NEEDS, OPERATIONS, PROTECTED, granted
from connectors.slices import CENSUS

SCHEMA = build_schema((Path(__file__).parent / "shopify_schema.graphql").read_text())
SEARCH = "updated_at:>='2026-01-01T00:00:00Z' AND updated_at:<'2026-02-01T00:00:00Z'"
BULK = [listing.bulk(SEARCH) for listing in (*LISTINGS.values(), *IDS.values())]


def check(value, kind, selections, path):
    """Fails where a value is not what the selections ask for of this type."""
    if isinstance(kind, GraphQLNonNull):
        assert value is not None, path
        kind = kind.of_type
    if value is None:
        return
    if isinstance(kind, GraphQLList):
        for each in value:
            check(each, kind.of_type, selections, path)
    elif isinstance(kind, GraphQLEnumType):
        assert value in kind.values, path
    elif isinstance(kind, GraphQLScalarType):
        assert isinstance(value, {"Boolean": bool, "Int": int}.get(kind.name, str)), path
    else:
        check_object(value, kind, selections, path)


def check_object(value, kind, selections, path):
    fragments = [each for each in selections if isinstance(each, InlineFragmentNode)]
    plain = [(kind, each) for each in selections if each not in fragments]
    # of the types that a value may be of, it is of one
    of_one = [
        [(SCHEMA.get_type(f.type_condition.name.value), inner) for inner in f.selection_set.selections]
        for f in fragments
    ] or [[]]
    candidates = [{inner.name.value: (on, inner) for on, inner in [*plain, *more]} for more in [[], *of_one]]
    fields = next((each for each in candidates if each.keys() == value.keys()), None)
    assert fields is not None, f"{path} has {sorted(value)}, and was asked for one of {[sorted(c) for c in candidates]}"
    for name, (on, field) in fields.items():
        inner = field.selection_set.selections if field.selection_set else ()
        check(value[name], on.fields[name].type, inner, f"{path}.{name}")


@pytest.mark.parametrize(
    "text", [*(o.text for o in OPERATIONS), *BULK], ids=[*(o.name for o in OPERATIONS), *STREAMS, "ids"]
)
@pytest.mark.parametrize(
    "held",
    [(*SCOPES, PROTECTED), SCOPES, ("read_orders", "read_all_orders"), ()],
    ids=["all", "no approval", "orders only", "none"],
)
def test_every_query_is_valid_by_the_schema(text, held):
    assert validate(SCHEMA, parse(granted(text, held))) == []


def test_a_selection_that_needs_a_scope_is_known_by_its_text():
    texts = " ".join(operation.text for operation in OPERATIONS)
    assert all(selection in texts for selection in NEEDS)
    assert not any(selection in granted(texts, ()) for selection in NEEDS)
    assert granted(texts, [PROTECTED, *(scope.replace("read_", "write_") for scope in SCOPES)]) == texts


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_a_full_page_costs_less_than_one_query_may(listing):
    from connectors.fake.graphql import parse as read

    assert requested(read(listing.page.text), {"first": PAGE_SIZE}) <= MAX_COST


def test_every_answer_has_exactly_the_shape_that_was_asked_for():
    world = with_order(small(days=6), lines=120, refunds=True)
    clock = VirtualClock(end(world))
    seen = {}

    def watched(request):
        answer = fake(request)
        if request.method == "POST":
            asked, body = msgspec.json.decode(request.body), msgspec.json.decode(answer.body)
            if "data" in body:
                seen[asked["operationName"]] = True
                (operation,) = parse(asked["query"]).definitions
                root = SCHEMA.mutation_type if operation.operation.value == "mutation" else SCHEMA.query_type
                check_object(body["data"], root, operation.selection_set.selections, asked["operationName"])
        return answer

    fake = FakeShopify(world, clock)
    for mode in ("paged", "bulk"):
        shop = client(watched, clock, mode=mode)
        assert shop.accounts()
        for stream in STREAMS:
            assert pulled(shop, everything(world, stream))
        assert pulled(shop, replace(everything(world), part=CENSUS))
    fake.heavy = {f"gid://shopify/Order/{5_800_000_000_000 + len(world.orders) - 1}"}
    assert pulled(client(watched, clock), everything(world))
    assert {o.name for o in OPERATIONS} - seen.keys() == {"ProductsBare", "ProductVariants", "BulkCancel"}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_bulk_result_is_what_its_query_selects(stream):
    world = with_order(small(days=6), lines=3, refunds=True)
    jobs = FakeShopify(world, VirtualClock(end(world))).jobs
    part, listing = everything(world, stream), LISTINGS[stream]
    own = listing.bulk(listing.searched(part.start, part.end))
    # by its very text the fake knows the query; in other words it has to read and obey it
    known, read = (lines(jobs, query) for query in (own, own.replace(" edges ", "  edges ")))
    assert known == read
    assert len(known) > len(getattr(world, listing.root)) or not listing.connections


def lines(jobs, query):
    with jobs._result(query)[0] as result:
        result.seek(0)
        return [msgspec.json.decode(line) for line in result]


def test_a_landed_record_is_the_same_whichever_scopes_and_approval_there_are_but_for_what_they_hide():
    world = small(days=5)
    clock = VirtualClock(end(world))
    fake = FakeShopify(world, clock)
    whole = pulled(client(fake, clock), everything(world))
    fake.scopes, fake.approved = ("read_orders", "read_all_orders"), False
    hidden = pulled(client(fake, clock), everything(world))
    assert hidden.keys() == whole.keys()
    for id, order in hidden.items():
        assert whole[id].keys() - order.keys() == {"customer", "email"}
        lines = zip(order["lineItems"]["nodes"], whole[id]["lineItems"]["nodes"], strict=True)
        assert all(more.keys() - less.keys() == {"product", "variant"} for less, more in lines)
