import pytest
from scipy.stats import binomtest

from molgen.graphs.metrics.shares import share


@pytest.mark.parametrize(("count", "n"), [(0, 10), (10, 10), (3, 40), (998, 1000), (1, 1)])
def test_interval_is_wilsons(count, n):
    expected = binomtest(count, n).proportion_ci(method="wilson")
    found = share(count, n)
    # seven digits of the normal quantile
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert found.low <= found.value == count / n <= found.high


def test_of_nothing_nothing_is_known():
    found = share(0, 0)
    assert (found.value, found.low, found.high, found.n) == (0, 0, 1, 0)
