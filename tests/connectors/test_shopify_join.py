"""A bulk result's lines joined: in whatever order they come, each child whole, in no more memory for more orders."""

import json
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shopify_api import plain

from connectors.shopify import join
from connectors.shopify.join import joined
from connectors.shopify.queries import LISTINGS

ORDERS = LISTINGS["shopify/orders"]


def line(value):
    return msgspec.json.encode(value) + b"\n"


@given(
    st.lists(st.integers(0, 5), max_size=12),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.sampled_from([100, 1000, join.IN_MEMORY]),
)
@settings(max_examples=40)
def test_lines_are_joined_in_whatever_order_they_come(children, dice, orphan, in_memory):
    lines = [line({"id": str(parent)}) for parent in range(len(children))]
    for parent, count in enumerate(children):
        lines += [
            line({"__typename": "LineItem", "id": f"{parent}/{at}", "__parentId": str(parent)}) for at in range(count)
        ]
    if orphan:
        lines.append(line({"__typename": "OrderAgreement", "id": "lost", "__parentId": "nobody"}))
    dice.shuffle(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join, "IN_MEMORY", in_memory)
        with joined(lines, sum(map(len, lines)), ORDERS) as result:
            nodes = plain([node for batch in result.nodes() for node in batch])
    assert (result.objects, result.roots, result.orphans) == (len(lines), len(children), int(orphan))
    found = {node["id"]: {child["id"] for child in node["lineItems"]["nodes"]} for node in nodes}
    assert found == {str(p): {f"{p}/{at}" for at in range(count)} for p, count in enumerate(children)}
    assert all(node["agreements"] == {"nodes": []} for node in nodes)


names = st.text(max_size=3).filter(lambda name: name not in ("__typename", "__parentId"))
told = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5), st.lists, max_leaves=5)


@given(
    st.dictionaries(names, told | st.just('","__parentId":"7"}'), max_size=3),
    st.sampled_from(["7", "gid://shopify/Order/7", 'a"b\\', "é"]),
    st.permutations(["own", "__typename", "__parentId"]),
    st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"separators": (",", ":"), "ensure_ascii": False}]),
    st.sampled_from(["LineItem", "L\\u0069neItem"]),
)
def test_a_child_is_passed_on_without_what_says_where_it_belongs(own, parent, order, spelling, kind):
    fields = {"own": own, "__typename": {"__typename": "LineItem"}, "__parentId": {"__parentId": parent}}
    child = {name: value for part in order for name, value in fields[part].items()}
    spelled = json.dumps(child, **spelling).replace("\n", "").replace("LineItem", kind).encode() + b"\n"
    with joined([line({"id": parent}), spelled], 1, ORDERS) as result:
        ((node,),) = result.nodes()
    (passed_on,) = node["lineItems"]["nodes"]
    assert list(msgspec.json.decode(passed_on).items()) == list(own.items())


def test_however_long_a_result_is_it_is_dealt_out_to_no_more_files_than_a_process_may_open(monkeypatch):
    monkeypatch.setattr(join, "IN_MEMORY", 20)
    lines = (line({"id": str(order)}) for order in range(2_000))
    with joined(lines, 20_000, ORDERS) as result:
        assert sum(map(len, result._parts)) == join.MOST_FILES
        assert len([node for batch in result.nodes() for node in batch]) == result.roots == 2_000


def test_joining_takes_no_more_memory_for_more_orders(monkeypatch):
    monkeypatch.setattr(join, "IN_MEMORY", 200_000)
    monkeypatch.setattr(join, "BUFFER", 1_000)
    peaks = []

    def lines(order):
        yield line({"__typename": "LineItem", "id": f"{order}/1", "title": "x" * 400, "__parentId": str(order)})
        yield line({"id": str(order), "email": "y" * 400})

    for orders in (500, 3_000):
        tracemalloc.start()
        with joined((told for order in range(orders) for told in lines(order)), orders * 950, ORDERS) as result:
            assert sum(len(batch) for batch in result.nodes()) == orders
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
