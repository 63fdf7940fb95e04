"""The next slice, which a source may begin with while it is still pulled, and what goes wrong with that."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from graph_source import DAY, NOW, OPENED, Shop, book, landed, truth

from connectors.errors import ApiError, RateLimited, Transient
from connectors.slices import Slice
from growthos_assets.raw.synced import Synced


def test_the_source_may_begin_with_a_slice_while_the_one_before_is_pulled(pull: Callable[..., Synced]):
    client = Shop()
    assert pull(client).problems == []
    first, second, third = (OPENED + n * 4 * DAY for n in range(3))
    assert client.events == [
        ("prepare", second), ("pull", first), ("prepare", third), ("pull", second), ("pull", third),
    ]  # fmt: skip


def refuse(error: ApiError, *, past: int = 0) -> Callable[..., None]:
    """Trouble with every slice, or with all but the first ones."""

    def trouble(part: Slice, page: int = 0) -> None:
        if part.start >= OPENED + past * 4 * DAY:
            raise error

    return trouble


def test_what_cannot_be_begun_early_is_pulled_all_the_same(pull: Callable[..., Synced]):
    client = Shop(unprepared=refuse(Transient("The connection failed.")))
    assert pull(client).problems == []
    assert landed() == truth(client)


@pytest.mark.parametrize("stands", [False, True])
def test_a_limit_on_what_is_begun_early_ends_no_turn_and_is_met_again_in_its_own(
    pull: Callable[..., Synced], stands: bool
):
    later = NOW + DAY
    limit = RateLimited("Other operations have to finish first.", retry_at=later)
    client = Shop(unprepared=refuse(limit), trouble=refuse(limit, past=1) if stands else lambda part, page: None)
    done = pull(client)
    assert [kind for kind, _ in client.events].count("prepare") == 1, "it said when to come back"
    if stands:
        assert book()["state"].to_list() == ["verified", "failed", "planned"]
        assert [(problem.kind, problem.retry_at) for problem in done.problems] == [("rate_limited", later)]
    else:
        assert (done.problems, landed()) == ([], truth(client))


def test_what_may_begin_early_again_does_when_the_wait_is_over(pull: Callable[..., Synced]):
    client = Shop(unprepared=refuse(RateLimited("In a second.", retry_at=NOW + timedelta(seconds=1))))
    client.trouble = lambda part, page: client.clock.sleep(1)
    assert pull(client).problems == []
    assert [kind for kind, _ in client.events] == ["prepare", "pull", "prepare", "pull", "pull"]
