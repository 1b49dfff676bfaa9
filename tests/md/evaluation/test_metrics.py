"""JS and PMF error against hand calculations, scipy and the published estimator."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from molgen.errors import MolgenError, UsageError
from molgen.md.evaluation.metrics import (
    MUELLER_BROWN,
    RAMACHANDRAN,
    Plane,
    bin_digitised,
    bin_inside,
    count,
    js_divergence,
    js_from_counts,
    pmf_error,
    pmf_from_counts,
    wasserstein_from_counts,
)


def test_js_of_two_bins_by_hand():
    # p = (1/2, 1/2), q = (1/4, 3/4), m = (3/8, 5/8)
    p_m = 0.5 * (np.log(0.5 / 0.375) + np.log(0.5 / 0.625))
    q_m = 0.25 * np.log(0.25 / 0.375) + 0.75 * np.log(0.75 / 0.625)
    js = js_from_counts(np.array([2, 2]), np.array([1, 3]))
    assert js == pytest.approx(0.5 * (p_m + q_m), abs=1e-15)


def test_js_runs_from_zero_to_ln_2():
    assert js_from_counts(np.array([3, 5, 0]), np.array([6, 10, 0])) == pytest.approx(0, abs=1e-15)
    assert js_from_counts(np.array([3, 0]), np.array([0, 7])) == pytest.approx(np.log(2))


def test_js_is_the_square_of_scipys_distance():
    rng = np.random.default_rng(1)
    p, q = rng.integers(0, 20, (2, 50))
    assert js_from_counts(p, q) == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-12)


def test_js_of_samples_uses_numpys_joint_histogram():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(500, 2)), rng.normal(0.3, 1.2, size=(700, 2))
    both = np.concatenate([a, b])
    box = list(zip(both.min(0), both.max(0), strict=True))
    p, q = (np.histogram2d(x[:, 0], x[:, 1], bins=64, range=box)[0].ravel() for x in (a, b))
    assert js_divergence(a, b) == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-12)


def test_pmf_error_by_hand_with_an_empty_bin():
    # shared bin: p = 3/4, q = 1; the other is empty in q and counts 1e-6 there
    weight = np.array([0.5 * (0.75 + 1), 0.5 * (0.25 + 1e-6)])
    error = np.array([np.log(0.75) ** 2, np.log(0.25 / 1e-6) ** 2])
    expected = (weight * error).sum() / weight.sum()
    value = pmf_from_counts(np.array([3, 1, 0]), np.array([2, 0, 0]))
    assert value == pytest.approx(expected, rel=1e-12)


def test_pmf_error_of_a_uniform_factor_is_its_squared_logarithm():
    # p and q swap two halves of the mass 2:1, so |ln p - ln q| = ln 2 everywhere
    value = pmf_from_counts(np.array([2, 2, 1, 1]), np.array([1, 1, 2, 2]))
    assert value == pytest.approx(np.log(2) ** 2, rel=1e-12)


def test_digitised_bins_are_two_outliers_and_the_rest_inside():
    x = np.array([-9.0, -1.0, -0.5, 0.999, 1.0, 9.0])
    # 6 digitised bins on [-1, 1]: 4 of width 0.5 inside, 1 beyond each end; the upper end is beyond
    assert bin_digitised(x[:, None], ((-1.0, 1.0),), 6).tolist() == [0, 1, 2, 4, 5, 5]
    assert bin_inside(x[:, None], ((-1.0, 1.0),), 4).tolist() == [-1, 0, 1, 3, 3, -1]


def test_counts_of_chains_add_up_to_counts_of_frames():
    rng = np.random.default_rng(3)
    index, chains = rng.integers(-1, 7, 200), rng.integers(10, 14, 200)
    by_chain = count(index, 7, chains)
    assert by_chain.shape == (4, 7)
    assert (by_chain.sum(0) == count(index, 7)).all()


def test_mueller_brown_uses_100_bins_for_js_and_64_for_the_pmf():
    rng = np.random.default_rng(4)
    a, b = rng.normal(0, 0.4, (2, 4000, 2))
    assert js_divergence(a, b, MUELLER_BROWN) > 1.5 * js_divergence(a, b, RAMACHANDRAN)
    x, y = (np.linspace(low, high, 63) for low, high in MUELLER_BROWN.limits)

    def digitised(points):
        flat = np.digitize(points[:, 0], x) * 64 + np.digitize(points[:, 1], y)
        return np.bincount(flat, minlength=4096)

    expected = pmf_from_counts(digitised(a), digitised(b))
    assert pmf_error(a, b, MUELLER_BROWN) == pytest.approx(expected)


def test_wasserstein_of_counts_moves_mass_over_uneven_places():
    places = np.array([0.0, 1.0, 4.0])
    w1 = wasserstein_from_counts(places)
    assert w1(np.array([1, 0, 0]), np.array([0, 0, 2])) == pytest.approx(4.0)
    assert w1(np.array([1, 1, 0]), np.array([0, 1, 1])) == pytest.approx(2.0)


def test_a_frame_that_is_not_finite_is_named_and_none_is_dropped():
    bad = np.zeros((5, 2))
    bad[3, 1] = np.nan
    with pytest.raises(MolgenError, match="1 of 5 frames are not finite, the first is frame 3"):
        js_divergence(bad, np.zeros((5, 2)))


def test_samples_of_another_plane_are_refused():
    with pytest.raises(UsageError, match=r"need a non-empty array \[n, 2\] of \(phi, psi\)"):
        js_divergence(np.zeros((5, 3)), np.zeros((5, 2)))
    line = Plane(("x",), ((-1.0, 1.0),))
    assert js_divergence(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9), line) == 0.0
