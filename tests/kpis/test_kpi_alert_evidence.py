"""The tests that decide what is chance: against scipy.stats, by their definition, and at their edges."""

import random
from math import log, sqrt
from statistics import mean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.alerts.evidence import (
    HISTORY,
    Period,
    adjusted,
    binomial,
    compound_poisson,
    over_dispersion,
    robust_z,
    silence,
    usual,
)


@pytest.fixture(scope="module")
def stats():
    """It takes a second to import, which is for these tests alone to wait for."""
    from scipy import stats

    return stats


counts = st.integers(0, 500)
exposures = st.floats(0.1, 1e6)


def periods(now, before):
    return Period(now[0], now[1], now[0]), Period(before[0], before[1], before[0])


@given(counts, exposures, counts, exposures, st.sampled_from(["below", "above"]))
def test_the_binomial_is_scipys(stats, k, w1, k0, w0, side):
    n, share = k + k0, w1 / (w1 + w0)
    expected = stats.binom.cdf(k, n, share) if side == "below" else stats.binom.sf(k - 1, n, share)
    found = binomial(*periods((k, w1), (k0, w0)), 1.0, side)
    assert found.p == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(st.integers(1, 200), st.integers(1, 200), exposures)
def test_its_bounds_are_clopper_and_pearsons(stats, k, k0, exposure):
    found = binomial(*periods((k, exposure), (k0, exposure)), 1.0, "below")
    ends = stats.binomtest(k, k + k0).proportion_ci(0.90, "exact")
    assert found.low == pytest.approx(ends.low / (1 - ends.low), rel=1e-6)
    assert found.high == pytest.approx(ends.high / (1 - ends.high), rel=1e-6)
    assert found.low < k / k0 < found.high


@given(st.integers(0, 300), st.integers(1, 300), st.floats(1, 20))
def test_more_noise_is_less_evidence(k, k0, noise):
    now, before = periods((k, 7.0), (k0, 28.0))
    side = "below" if k / 7 < k0 / 28 else "above"
    certain, noisy = binomial(now, before, 1.0, side), binomial(now, before, noise, side)
    assert noisy.low <= certain.low + 1e-9
    assert noisy.high >= certain.high - 1e-9


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.floats(1, 1e3), st.floats(1, 1e3))
def test_fewer_and_more_are_opposite_fears(a1, a0, w1, w0):
    now, before = Period(a1, w1, a1 * 50), Period(a0, w0, a0 * 50)
    down, up = (compound_poisson(now, before, 1.0, side) for side in ("below", "above"))
    assert down.p + up.p == pytest.approx(1)
    assert (down.low, down.high) == (up.low, up.high)
    ratio = a1 / w1 / (a0 / w0)
    assert down.low <= ratio <= down.high
    noisy = compound_poisson(now, before, 4.0, "below")
    assert noisy.high - ratio == pytest.approx(2 * (down.high - ratio))
    assert abs(noisy.p - 0.5) <= abs(down.p - 0.5)


def test_the_compound_poissons_false_alarms_are_as_many_as_it_says():
    """Orders that come by chance, of very different worth: 1 week in 20 looks worse at p < .05."""
    dice = random.Random(7)
    alarms, trials = 0, 1000

    def week(days):
        orders = [dice.lognormvariate(4, 0.8) for _ in range(round(dice.gauss(30 * days, sqrt(30 * days))))]
        return Period(sum(orders), days, sum(worth**2 for worth in orders))

    for _ in range(trials):
        alarms += compound_poisson(week(7), week(28), 1.0, "below").p < 0.05
    assert 0.03 < alarms / trials < 0.07


def test_dispersion_is_one_by_chance_and_more_where_days_differ():
    dice = random.Random(3)
    chance = [sum(dice.random() < 0.03 for _ in range(1000)) for _ in range(28)]
    lumpy = [60 if day % 2 else 2 for day in range(28)]
    for days, low, high in ((chance, 1.0, 1.8), (lumpy, 20.0, 60.0)):
        total = float(sum(days))
        before = Period(total, 28.0, total)
        factor = over_dispersion(sum(d * d for d in days), total, 28.0, before, 28)
        assert low <= factor <= high
    ten = Period(10.0, 28.0, 10.0)
    assert over_dispersion(1e9, 0.0, 28.0, ten, 14) > 1.0  # as of four weeks with an expected event in them
    assert over_dispersion(1e9, 0.0, 28.0, ten, 13) == 1.0  # too few days to judge
    assert over_dispersion(0.0, 0.0, 0.0, Period(40.0, 100.0, 40.0), 7, part=True) == pytest.approx(0.6)
    views = Period(250.0, 100.0, 250.0)  # two and a half a visit: no share, whose variance would be 1 − 2.5
    assert over_dispersion(0.0, 0.0, 0.0, views, 7, part=True) == 1.0


@given(st.lists(st.integers(0, 200), min_size=28, max_size=120))
def test_dispersion_is_the_days_sample_variance_by_their_mean(days):
    total = float(sum(days))
    found = over_dispersion(sum(d * d for d in days), total, len(days), Period(total, len(days), total or 1), len(days))
    assert found == pytest.approx(max(1.0, variance(days) / (mean(days) or 1)))


def wave(days, level=1000.0, noise=0.1, seed=5):
    dice = random.Random(seed)
    return [level * (1.3 if day % 7 < 2 else 1.0) * (1 + noise * (2 * dice.random() - 1)) for day in range(days)]


def test_a_day_is_held_against_its_own_weekday():
    days = wave(HISTORY + 7)
    for today in range(HISTORY, HISTORY + 7):
        expected = usual(days[today - HISTORY : today])
        assert expected is not None
        assert abs(log(days[today] / expected.expected)) < 0.2
        assert robust_z(days[today], expected, "below").p > 0.0005
        assert robust_z(days[today] / 2, expected, "below").p < 1e-6
        assert robust_z(days[today] * 2, expected, "below").p > 0.99
    assert (robust_z(0, expected, "below").p, robust_z(0, expected, "above").p) == (0, 1)


def test_an_outage_in_the_past_moves_nothing():
    days = wave(HISTORY)
    broken = [value / 10 if 20 <= day < 24 else value for day, value in enumerate(days)]
    clean, dirty = usual(days), usual(broken)
    assert clean is not None
    assert dirty is not None
    assert dirty.expected == pytest.approx(clean.expected, rel=0.05)
    assert dirty.sigma < 1.5 * clean.sigma


@pytest.mark.parametrize("known", [0, 41])
def test_too_little_history_says_nothing(known):
    assert usual([None] * (HISTORY - known) + [100.0] * known) is None
    assert usual([100.0] * (HISTORY - 1)) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.randoms())
def test_many_looks_are_paid_for(stats, p_values, dice):
    found = adjusted(p_values)
    assert found == pytest.approx(list(stats.false_discovery_control(p_values)))
    order = list(range(len(p_values)))
    dice.shuffle(order)
    assert adjusted([p_values[i] for i in order]) == pytest.approx([found[i] for i in order])


def test_silence_is_suspicious_of_a_source_that_always_speaks():
    assert silence(1, 28, 28) > 0.01 > 0.002 > silence(2, 28, 28)
    assert silence(3, 15, 28) > 0.05
