import numpy as np
import pytest

from molgen.errors import UsageError
from molgen.graphs.metrics.metric import bootstrap, floor


def squared(x, y):
    """Squared distance of the means of two samples."""
    return float(np.square(x.mean(0) - y.mean(0)).sum())


def test_floor_is_the_variance_over_both_sizes():
    """Normal numbers: E (mean_n - mean_m)^2 = 1/n for a reference whose mean is known to be 0."""
    rng = np.random.default_rng(0)
    pool, reference = rng.normal(size=(200_000, 1)), np.array([[-1.0], [1.0]])
    found = floor(squared, pool, reference, 100, draws=400, rng=rng)
    # mean of 400 values of chi^2_1 / n: standard error sqrt(2 / 400) = 7 %
    assert found.mean == pytest.approx(1 / 100, rel=0.2)
    # spread of one chi^2_1 is sqrt 2
    assert found.sd == pytest.approx(2**0.5 / 100, rel=0.3)
    assert (found.n, found.draws) == (100, 400)


def test_floor_at_the_size_of_the_pool_has_one_draw():
    rng = np.random.default_rng(0)
    pool = np.array([[0.0], [1.0], [5.0]])
    found = floor(squared, pool, np.array([[1.0]]), 3, rng=rng)
    assert (found.mean, found.sd, found.draws) == (1.0, 0.0, 1)


def test_a_floor_larger_than_the_pool_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match="n = 4 needs as many real graphs"):
        floor(squared, np.zeros((3, 1)), np.zeros((3, 1)), 4, rng=rng)


def test_bootstrap_covers_a_distance_far_above_its_floor():
    """Means 0 and 1, n = m = 400: the distance is normal, sd 2 sqrt(2 / 400), covered at 95 %."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        x, y = rng.normal(size=(400, 1)), rng.normal(1.0, size=(400, 1))
        found = bootstrap(squared, x, y, repeats=60, rng=rng)
        covered += found.low <= 1.0 <= found.high
    # 95 % +- 2.2 % (one standard error), and quantiles of 60 repeats are a little narrow
    assert 0.86 <= covered / 100 <= 1


def test_intervals_end_where_values_do():
    """Shares of common items: 1 at most, and close to it resampling goes above."""

    def covered(x, y):
        return float(np.isin(y, x).mean())

    x, y = np.arange(40)[:, None] // 10, np.arange(40)[:, None] // 10
    y[0] = 9
    free = bootstrap(covered, x, y, repeats=50, rng=np.random.default_rng(4))
    found = bootstrap(covered, x, y, most=1.0, repeats=50, rng=np.random.default_rng(4))
    assert found.value == 39 / 40
    assert free.high > found.high == 1.0
    assert found.low == free.low


def test_nothing_to_compare_is_refused():
    with pytest.raises(UsageError, match="the set is empty"):
        bootstrap(squared, np.zeros((0, 1)), np.ones((2, 1)), rng=np.random.default_rng(0))
