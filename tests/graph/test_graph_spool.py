"""What a source tells is taken in before the database is asked for anything."""

from collections.abc import Iterator
from weakref import ref

import polars as pl
import pytest

from growthos_assets.raw import landing
from growthos_assets.raw.landing import spooled

FRAMES = [pl.DataFrame({"external_id": [f"{n}"], "payload": [f'{{"é": {n}}}' * n]}) for n in range(1, 9)]


@pytest.mark.parametrize("in_memory", [0, 60, 1 << 20])
def test_every_frame_comes_back_as_it_was_and_in_order(monkeypatch: pytest.MonkeyPatch, in_memory: int):
    monkeypatch.setattr(landing, "IN_MEMORY", in_memory)
    with spooled(iter(FRAMES)) as frames:
        assert [frame.to_dicts() for frame in frames] == [frame.to_dicts() for frame in FRAMES]


def test_all_of_them_are_taken_in_at_once():
    taken: list[int] = []

    def told() -> Iterator[pl.DataFrame]:
        for number, frame in enumerate(FRAMES):
            taken.append(number)
            yield frame

    with spooled(told()) as frames:
        assert len(taken) == len(FRAMES)
        next(frames)


def test_what_does_not_fit_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch):
    """Of a long history a few frames are kept at a time, whether they come or go."""
    monkeypatch.setattr(landing, "IN_MEMORY", 1_000_000)
    made, most = list[ref[pl.DataFrame]](), list[int]()

    def told() -> Iterator[pl.DataFrame]:
        for number in range(40):
            frame = pl.DataFrame({"payload": [f"{number} {'x' * 100_000}"] * 3})
            made.append(ref(frame))
            most.append(sum(each() is not None for each in made))
            yield frame

    with spooled(told()) as frames:
        assert sum(frame.height for frame in frames) == 120
    assert max(most) < 8
