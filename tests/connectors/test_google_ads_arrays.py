"""searchStream's array is taken apart wherever the chunks end."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connectors.google_ads.arrays import elements

TEXTS = st.text('{}[]"\\ax€', max_size=6)
VALUES = st.none() | st.integers() | TEXTS | st.lists(TEXTS, max_size=2) | st.dictionaries(TEXTS, TEXTS, max_size=2)
OBJECTS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=4)
CUTS = st.lists(st.integers(0, 400), max_size=8)


def chunks(body, cuts):
    bounds = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[a:b] for a, b in pairwise(bounds)]


@given(OBJECTS, CUTS, st.booleans(), st.sampled_from([None, 1]))
def test_any_array_in_any_chunks(objects, cuts, ascii_only, indent):
    body = json.dumps(objects, ensure_ascii=ascii_only, indent=indent).encode()
    assert [json.loads(found) for found in elements(chunks(body, cuts))] == objects


@given(OBJECTS, st.integers(0, 400), CUTS)
def test_what_breaks_off_gives_only_whole_elements(objects, end, cuts):
    body = json.dumps(objects).encode()
    body = body[: end % (len(body) + 1)]
    found = [json.loads(element) for element in elements(chunks(body, cuts))]
    assert found == objects[: len(found)]
