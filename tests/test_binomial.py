"""The binomial likelihood, and its loss."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import votes_nll
from scipy.stats import binom

from skgalaxy.likelihoods import Binomial
from skgalaxy.likelihoods.binomial import log_pmf, mixture_pmf_by_moments


@given(n=st.integers(0, 80), rho=st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_pmf_is_its_definition_and_sums_to_one(n, rho):
    k = np.arange(n + 1)
    pmf = np.exp(log_pmf(k, n, rho))
    expected = [comb(n, i) * rho**i * (1 - rho) ** (n - i) for i in range(n + 1)]
    np.testing.assert_allclose(pmf, expected, rtol=1e-9, atol=1e-12)
    mixture = Binomial([[rho, rho, 0.25]]).mixture_pmf(n)[0]
    np.testing.assert_allclose(mixture, (2 * pmf + binom.pmf(k, n, 0.25)) / 3, atol=1e-12)
    assert mixture.sum() == pytest.approx(1)


@given(
    n=st.integers(0, 400),
    rho=st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1e-300]), min_size=1, max_size=6),
)
@settings(max_examples=80, deadline=None)
def test_moments_give_the_same_mixture(n, rho):
    draws = np.array([rho, rho[::-1]])
    by_moments = mixture_pmf_by_moments(draws.T, n).T
    np.testing.assert_allclose(by_moments, Binomial(draws).mixture_pmf(n), rtol=0, atol=1e-12)
    assert (by_moments >= 0).all()


@given(n=st.integers(0, 60), z=st.floats(-30, 30), data=st.data())
@settings(max_examples=80, deadline=None)
def test_the_oracle_of_the_loss_is_its_line_in_logits(n, z, data):
    """k softplus(-z) + (N - k) softplus(z)."""
    k = data.draw(st.integers(0, n))
    expected = k * np.logaddexp(0, -z) + (n - k) * np.logaddexp(0, z)
    assert votes_nll(Binomial, [k], [n], [[z]])[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_loss():
    """The loss that training minimises is the same line, to float32."""
    rng = np.random.default_rng(0)
    n_votes = rng.integers(0, 60, 500)
    votes = rng.binomial(n_votes, 0.4)
    logits = rng.normal(0, 12, 500)
    loss = Binomial.nll(
        np.column_stack([votes, n_votes]).astype("float32"), logits[:, None].astype("float32")
    )
    expected = votes * np.logaddexp(0, -logits) + (n_votes - votes) * np.logaddexp(0, logits)
    np.testing.assert_allclose(np.asarray(loss), expected, rtol=1e-5, atol=1e-5)
    assert np.asarray(loss)[n_votes == 0] == pytest.approx(0)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_loss_has_gradient_where_the_network_is_confidently_wrong(logit):
    import keras

    z = keras.Variable([[logit]])
    wrong = np.array([[40.0 * (logit < 0), 40.0]], dtype="float32")
    values = []
    for step in (-1.0, 1.0):
        z.assign([[logit + step]])
        values.append(float(Binomial.nll(wrong, z)[0]))
    assert abs(values[1] - values[0]) == pytest.approx(80, rel=1e-4)  # slope N = 40, no floor


def test_mixture_log_prob_is_the_log_of_mixture_pmf():
    rng = np.random.default_rng(3)
    draws = rng.beta(1, 3, (40, 9))
    votes = rng.integers(0, 21, 40)
    log_prob = Binomial(draws).mixture_log_prob(votes, np.full(40, 20))
    pmf = Binomial(draws).mixture_pmf(20)[np.arange(40), votes]
    np.testing.assert_allclose(log_prob, np.log(pmf), rtol=1e-9)
