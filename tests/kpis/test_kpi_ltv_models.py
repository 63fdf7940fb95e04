"""The LTV models against their papers, against quadrature, and against customers simulated from known parameters."""

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from kpis.ltv.bg_nbd import BgNbd
from kpis.ltv.gamma_gamma import GammaGamma
from kpis.ltv.likelihood import Refusal, maximize
from kpis.ltv.nbd import Nbd
from kpis.ltv.pareto_nbd import ParetoNbd
from kpis.ltv.purchases import Histories

# CDNOW, in weeks, as published: Fader, Hardie & Lee (2005), table 2, and the same fits to more digits from R's BTYD
BG_NBD = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
BG_NBD_R = BgNbd(r=0.2425945, alpha=4.4136019, a=0.7929199, b=2.4258881)
PARETO_NBD = ParetoNbd(r=0.553, alpha=10.578, s=0.606, beta=11.669)
PARETO_NBD_R = ParetoNbd(r=0.5533971, alpha=10.5801985, s=0.6060625, beta=11.6562237)
GAMMA_GAMMA = GammaGamma(p=6.25, q=3.74, gamma=15.44)

# CDNOW's 2,357 customers by repeat purchases in the calibration period: 0, 1, … 6, 7 or more
CUSTOMERS = [1411, 439, 214, 100, 62, 38, 29, 64]
# what Pareto/NBD says that the customers of each group buy in the 39 weeks after it
PARETO_EXPECTED = [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403]

NEWCOMER = (0, 0, 0)
BUSY = (26, 30.86, 31)  # customer 1516

MODELS = pytest.mark.parametrize("model", [BG_NBD, PARETO_NBD, Nbd(r=0.4, alpha=9.0)], ids=lambda model: model.name)
STOPPING = pytest.mark.parametrize("model", [BG_NBD, PARETO_NBD], ids=lambda model: model.name)


def histories(*rows):
    return Histories(*np.array(rows, dtype=float).reshape(-1, 3).T)


def simulated(model, customers, longest, seed):
    """Histories of customers who behave as the model says, first seen over the first third of the time."""
    rng = np.random.default_rng(seed)
    T = longest - rng.uniform(0, longest / 3, customers)
    rate = rng.gamma(model.r, 1 / model.alpha, customers)
    times = np.cumsum(rng.exponential(size=(customers, 100)) / rate[:, None], axis=1)
    if isinstance(model, BgNbd):
        stops = rng.random(times.shape) < rng.beta(model.a, model.b, customers)[:, None]
        there = np.cumsum(stops, axis=1) - stops == 0  # the purchase after which they stop is still made
        made = there & (times <= T[:, None])
    else:
        end = rng.exponential(size=customers) / rng.gamma(model.s, 1 / model.beta, customers)
        made = times <= np.minimum(T, end)[:, None]
    x = made.sum(axis=1)
    tx = np.where(x > 0, np.take_along_axis(times, np.maximum(x - 1, 0)[:, None], axis=1)[:, 0], 0)
    return Histories(x.astype(float), tx, T)


def test_bg_nbd_paper():
    two = histories((2, 30.43, 38.86))
    assert BG_NBD.expected_purchases(two, 39) == pytest.approx(1.226, abs=5e-4)
    assert BG_NBD.p_alive(two) == pytest.approx(0.7266, abs=1e-4)
    assert BG_NBD_R.expected_purchases(histories(NEWCOMER, BUSY), 52) == pytest.approx([1.444, 25.76], abs=5e-3)
    assert BG_NBD_R.p_alive(histories(BUSY)) == pytest.approx(0.9689, abs=1e-4)


def test_pareto_nbd_papers():
    assert PARETO_NBD_R.expected_purchases(histories(NEWCOMER, BUSY), 52) == pytest.approx([1.473, 25.46], abs=5e-3)
    p_alive = PARETO_NBD_R.p_alive(histories(BUSY, (0, 0, 39), (23, 39, 39)))
    assert p_alive == pytest.approx([0.9979, 0.2941633, 1], abs=5e-5)


def test_gamma_gamma_note():
    """The first ten customers of CDNOW."""
    x = np.array([2, 1, 0, 0, 0, 7, 1, 0, 2, 0], dtype=float)
    value = np.array([22.35, 11.77, 0, 0, 0, 73.74, 11.77, 0, 25.55, 0])
    expected = [24.65, 18.91, 35.22, 35.22, 35.22, 71.46, 18.91, 35.22, 27.28, 35.22]
    assert GAMMA_GAMMA.expected_value(x, value) == pytest.approx(expected, abs=0.015)


@STOPPING
def test_customers_like_cdnows_give_cdnows_parameters_back(model):
    """Simulated with the published parameters they are distributed as CDNOW's were, and are fitted by these."""
    past = simulated(model, 10_000, 39, seed=1)
    everyone = np.ones(len(past.x))
    shares = np.bincount(np.minimum(past.x, 7).astype(int)) / len(everyone)
    assert (np.abs(shares * sum(CUSTOMERS) - CUSTOMERS) < 3 * np.sqrt(CUSTOMERS)).all()
    found = type(model).fit(past, everyone)
    assert (found.r, found.alpha) == pytest.approx((model.r, model.alpha), rel=0.1)
    # twice this is χ² distributed with 4 degrees of freedom: above 10 once in 2,000 samples
    assert 0 <= found.log_likelihood(past, everyone) - model.log_likelihood(past, everyone) < 10


def test_expectations_by_group_are_those_published():
    past = simulated(PARETO_NBD, 10_000, 39, seed=2)
    expected = PARETO_NBD.expected_purchases(past, 39)
    groups = np.minimum(past.x, 7)
    assert [expected[groups == x].mean() for x in range(8)] == pytest.approx(PARETO_EXPECTED, rel=0.1)


def test_gamma_gamma_is_recovered():
    rng = np.random.default_rng(3)
    x = rng.integers(1, 12, 20_000).astype(float)
    rate = rng.gamma(GAMMA_GAMMA.q, 1 / GAMMA_GAMMA.gamma, len(x))
    value = rng.gamma(GAMMA_GAMMA.p * x) / rate / x
    assert astuple(GammaGamma.fit(x, value)) == pytest.approx(astuple(GAMMA_GAMMA), rel=0.05)


def test_nbd_is_recovered_where_nobody_stops():
    true = Nbd(r=0.6, alpha=30.0)
    past = simulated(ParetoNbd(true.r, true.alpha, s=1.0, beta=1e12), 5_000, 300, seed=4)
    everyone = np.ones(len(past.x))
    assert astuple(Nbd.fit(past, everyone)) == pytest.approx(astuple(true), rel=0.1)
    for kind in (BgNbd, ParetoNbd):
        with pytest.raises(Refusal):
            kind.fit(past, everyone)


@MODELS
def test_gradients_are_those_of_the_likelihood(model):
    past = histories((0, 0, 30), (1, 12, 30), (3, 29.5, 30), (9, 5, 39), (2, 20, 20), (60, 38, 39))
    parameters = np.array(astuple(model))
    _, gradient = model.score(parameters, past)
    for line, parameter in zip(gradient, np.eye(len(parameters)), strict=True):
        step = 1e-6 * parameter * parameters
        up, down = model.score(parameters + step, past)[0], model.score(parameters - step, past)[0]
        assert line == pytest.approx((up - down) / (2 * step.sum()), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("r", "alpha", "s", "beta"), [(0.55, 10.6, 0.61, 11.7), (3.0, 90.0, 0.2, 2.0), (0.1, 2.0, 4.0, 500.0)]
)
def test_pareto_nbd_agrees_with_the_textbook_hypergeometric(r, alpha, s, beta):
    """P(alive) as Fader & Hardie write it, where their ₂F₁ can still be had."""
    x, tx, T = past = histories(*((x, tx, 40.0) for x in (0, 1, 4, 15) for tx in (0.0, 9.0, 31.0) if x or not tx))
    smaller, larger = sorted((alpha, beta))
    first = s + 1 if alpha >= beta else r + x

    def f(t):
        n = r + s + x
        return special.hyp2f1(n, first, n + 1, (larger - smaller) / (larger + t)) / (larger + t) ** n

    a0 = f(tx) - f(T)
    expected = 1 / (1 + s / (r + s + x) * (alpha + T) ** (r + x) * (beta + T) ** s * a0)
    assert ParetoNbd(r, alpha, s, beta).p_alive(past) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("a", "b"), [(0.8, 2.4), (1.0, 3.0), (0.3, 0.7 + 1e-7), (2.5, 0.4), (0.05, 4.0)])
@pytest.mark.parametrize("x", [0, 1, 7, 250])
def test_bg_nbd_expectation_is_its_integral(a, b, x):
    """Over the chance p to stop, given that the customer is there: also where the closed form has no value."""
    r, alpha, T, days = 0.4, 5.0, 40.0, 52.0
    points, weights = special.roots_jacobi(100, b + x - 1, a - 1)
    p = (1 + points) / 2
    by_chance = -np.expm1(-(r + x) * np.log1p(p * days / (alpha + T))) / p
    there = histories((x, T if x else 0, T))
    model = BgNbd(r, alpha, a, b)
    expected = by_chance @ weights / weights.sum() * model.p_alive(there)
    assert model.expected_purchases(there, days) == pytest.approx(expected, rel=2e-5)


def test_pareto_nbd_expectation_is_its_integral_also_at_s_1():
    r, alpha, beta, T, days = 0.5, 10.0, 12.0, 39.0, 52.0
    for s in (0.3, 1.0, 2.0):
        model = ParetoNbd(r, alpha, s, beta)
        there = histories((3, T, T))
        lifetime, _ = integrate.quad(lambda t, s=s: ((beta + T) / (beta + T + t)) ** s, 0, days)
        assert model.expected_purchases(there, days) == pytest.approx((r + 3) / (alpha + T) * lifetime)


@STOPPING
def test_busy_customers_do_not_overflow(model):
    past = histories((5_000, 3_000, 3_001), (5_000, 1, 3_000), (5_000, 3_000, 3_000))
    assert model.p_alive(past) == pytest.approx([1, 0, 1], abs=0.01)
    expected = model.expected_purchases(past, 365)
    assert np.isfinite(expected).all()
    assert expected[1] == pytest.approx(0, abs=1e-9)


SIZE = st.floats(-2.5, 2.5).map(np.exp)
TIME = st.floats(-2, 6).map(np.exp)
PURCHASE_MODEL = st.one_of(
    st.builds(BgNbd, r=SIZE, alpha=TIME, a=SIZE, b=SIZE),
    st.builds(ParetoNbd, r=SIZE, alpha=TIME, s=SIZE, beta=TIME),
)
HISTORY = st.builds(
    lambda x, share, T: (x, share * T if x else 0.0, T), st.integers(0, 60), st.floats(0, 1), st.floats(0.5, 900)
)


@settings(max_examples=80)
@given(PURCHASE_MODEL, HISTORY, st.floats(0.5, 400))
def test_p_alive_is_a_probability_that_falls_with_silence(model, history, silence):
    x, tx, T = history
    now, later = model.p_alive(histories(history, (x, tx, T + silence)))
    assert 0 <= later <= now + 1e-9
    assert now <= 1


@settings(max_examples=80)
@given(PURCHASE_MODEL, HISTORY, st.floats(1, 400), st.floats(1.01, 5))
def test_expectations_grow_with_the_horizon(model, history, days, more):
    past = histories(history)
    near, far = model.expected_purchases(past, days)[0], model.expected_purchases(past, days * more)[0]
    assert 0 <= near <= far * (1 + 1e-6)
    # nobody is expected to buy more than one who surely stays
    assert far <= (model.r + history[0]) / (model.alpha + history[2]) * days * more * (1 + 1e-4)


@settings(max_examples=60)
@given(PURCHASE_MODEL, HISTORY, st.floats(1, 400), st.sampled_from([1 / 7, 24.0]))
def test_the_unit_of_time_does_not_matter(model, history, days, unit):
    x, tx, T = history
    other = replace(model, **{name: getattr(model, name) * unit for name in model.in_days})
    past, same = histories(history), histories((x, tx * unit, T * unit))
    assert other.p_alive(same) == pytest.approx(model.p_alive(past), rel=1e-6)
    assert other.expected_purchases(same, days * unit) == pytest.approx(model.expected_purchases(past, days), rel=1e-4)


@settings(max_examples=60)
@given(
    st.builds(GammaGamma, p=SIZE, q=SIZE.map(lambda q: 1.05 + q), gamma=TIME),
    st.integers(0, 50),
    st.floats(0, 1000),
    st.sampled_from([0.01, 150.0]),
)
def test_the_currency_does_not_matter_and_values_shrink_towards_everyones(model, x, value, rate):
    counts, values = np.array([float(x)]), np.array([value if x else 0.0])
    own = model.expected_value(counts, values)[0]
    dearer = replace(model, gamma=model.gamma * rate).expected_value(counts, values * rate)[0]
    assert dearer == pytest.approx(own * rate)
    everyones = model.p * model.gamma / (model.q - 1)
    low, high = sorted((everyones, values[0])) if x else (everyones, everyones)
    assert low * (1 - 1e-9) <= own <= high * (1 + 1e-9)


@STOPPING
def test_fits_are_the_same_in_weeks_and_days_and_in_any_grouping(model):
    past = simulated(model, 3_000, 39, seed=5)
    past = past._replace(tx=np.ceil(past.tx), T=np.ceil(past.T))
    everyone = np.ones(len(past.x))
    weeks, days = type(model).fit(past, everyone), type(model).fit(past.scaled(1 / 7), everyone)
    scaled = replace(weeks, **{name: getattr(weeks, name) * 7 for name in model.in_days})
    assert astuple(days) == pytest.approx(astuple(scaled), rel=1e-6)
    different, alike = np.unique(np.stack(past), axis=1, return_counts=True)
    grouped = type(model).fit(Histories(*different), alike.astype(float))
    assert astuple(grouped) == pytest.approx(astuple(weeks), rel=1e-6)


def test_two_hills_are_refused():
    def hills(parameters):
        z = np.log(parameters)
        return float(-((z[0] ** 2 - 1) ** 2)), np.array([-4 * z[0] * (z[0] ** 2 - 1)]) / parameters

    with pytest.raises(Refusal, match="two searches end at different parameters"):
        maximize(hills, ["r"], [(2.0,), (0.5,)])
    assert maximize(hills, ["r"], [(2.0,), (3.0,)]) == pytest.approx([np.e])


def test_a_slope_without_a_top_is_refused():
    with pytest.raises(Refusal, match="r: it runs to its bound"):
        maximize(lambda p: (float(np.log(p[0])), 1 / p), ["r"], [(1.0,), (2.0,)])


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(Refusal, match="does not converge"):
        maximize(lambda p: (float("nan"), np.full(1, np.nan)), ["r"], [(1.0,)])


def test_order_values_without_a_mean_are_refused():
    rng = np.random.default_rng(6)
    x = np.full(5_000, 3.0)
    value = rng.gamma(2 * x) / rng.gamma(0.6, size=len(x)) / x
    with pytest.raises(Refusal, match="no mean"):
        GammaGamma.fit(x, value)
