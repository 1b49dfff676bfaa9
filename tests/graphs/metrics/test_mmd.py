from math import exp, sqrt

import networkx as nx
import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from molgen.graphs.metrics.mmd import EMD, TV, GaussianMMD, earth_mover, total_variation


def test_earth_mover_is_the_wasserstein_distance_of_the_histograms():
    rng = np.random.default_rng(0)
    x, y = rng.dirichlet(np.ones(12), size=(2, 5))
    bins = np.arange(12)
    expected = [[wasserstein_distance(bins, bins, p, q) for q in y] for p in x]
    np.testing.assert_allclose(earth_mover(x, y, 0.5), 0.5 * np.array(expected), rtol=1e-12)


def test_total_variation_by_hand():
    x, y = np.array([[0.5, 0.5, 0.0]]), np.array([[0.0, 0.25, 0.75], [0.5, 0.5, 0.0]])
    np.testing.assert_allclose(total_variation(x, y), [[0.75, 0.0]])


@pytest.mark.parametrize("metrics", [EMD, TV], ids=["emd", "tv"])
@pytest.mark.parametrize("name", ["degree", "clustering", "orbit", "spectral"])
def test_equal_sets_are_at_distance_0(metrics, name, plain):
    graphs = plain(*(nx.gnp_random_graph(10, 0.4, seed=seed) for seed in range(6)))
    assert metrics[name](graphs, graphs) == pytest.approx(0, abs=1e-15)


def test_one_path_against_one_triangle_by_hand(plain):
    """Path of 3: degrees 1, 2, 1, no triangles. Triangle: degrees 2, clustering 1.

    With one graph a side MMD^2 = 2 - 2 k.
    """
    path, triangle = plain(nx.path_graph(3)), plain(nx.complete_graph(3))
    # 2/3 of the mass moves by one degree; all of it by 99 bins of clustering
    expected = {"degree": 2 / 3, "clustering": 0.99 / 0.1}
    for name, D in expected.items():
        assert EMD[name](path, triangle) == pytest.approx(2 - 2 * exp(-(D**2) / 2), rel=1e-12)
    expected = {"degree": 2 / 3, "clustering": 1 / 0.1}
    for name, D in expected.items():
        assert TV[name](path, triangle) == pytest.approx(2 - 2 * exp(-(D**2) / 2), rel=1e-12)
    # Mean orbits: path edges 4/3, ends 2/3, middle 1/3; triangle edges 2, triangles 1.
    gaps = [2 / 3, 2 / 3, 1 / 3, 1]
    D = sqrt(sum(g * g for g in gaps)) / 30
    # MMD of 1e-3 from kernels of size 1: eleven digits are lost at most
    assert EMD["orbit"](path, triangle) == pytest.approx(2 - 2 * exp(-(D**2) / 2), rel=1e-10)
    D = sum(gaps) / 2 / 30
    assert TV["orbit"](path, triangle) == pytest.approx(2 - 2 * exp(-(D**2) / 2), rel=1e-10)
    # Eigenvalues 0, 1, 2 against 0, 3/2, 3/2: one third moves up by 1/2, one third down by 1/2,
    # that is 50 bins each.
    D = 2 * 50 / 3
    assert EMD["spectral"](path, triangle) == pytest.approx(2 - 2 * exp(-(D**2) / 2), rel=1e-12)


def test_mmd_is_the_mean_over_all_pairs():
    rng = np.random.default_rng(1)
    x, y = rng.random((3, 4)), rng.random((5, 4))

    def mean(a, b):
        return np.mean([[exp(-(np.abs(p - q).sum() ** 2) / 8 / 0.7**2) for q in b] for p in a])

    expected = mean(x, x) + mean(y, y) - 2 * mean(x, y)
    assert GaussianMMD(total_variation, 0.7)(x, y) == pytest.approx(expected, rel=1e-12)


def test_degrees_of_different_range_are_compared_on_the_longer_one(plain):
    small, large = plain(nx.path_graph(2)), plain(nx.star_graph(4))
    # all of the mass at degree 1 against 4/5 at 1 and 1/5 at 4
    expected = 2 - 2 * exp(-(0.6**2) / 2)
    assert EMD["degree"](small, large) == pytest.approx(expected, rel=1e-12)
    assert EMD["degree"](large, small) == pytest.approx(expected, rel=1e-12)
