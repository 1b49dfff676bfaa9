r"""Maximum mean discrepancy of two sets of graphs, with the two families of kernels in use.

    MMD^2 = mean_{x, x'} k(x, x') + mean_{y, y'} k(y, y') - 2 mean_{x, y} k(x, y)

over all pairs, the diagonal included (the biased V-statistic, as published). k = exp(-D^2 / 2
sigma^2) with D, between the rows of numbers in `molgen.graphs.metrics.descriptors`,

    emd   the earth mover's distance of two histograms: sum of |difference of cumulated shares|,
          times the width of a bin (GraphRNN, You et al. 2018; used by GDSS and its peers)
    tv    total variation, sum |x - y| / 2 (GRAN, Liao et al. 2019; used by SPECTRE and DiGress)

and, for orbit counts, which are no histogram, the Euclidean distance in place of the emd.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.metrics import descriptors
from molgen.graphs.metrics.descriptors import Rows
from molgen.graphs.metrics.metric import Metric


def earth_mover(x: Rows, y: Rows, width: float) -> NDArray[np.float64]:
    """[n, m] earth mover's distances of histograms [n, bins], [m, bins] of bins of this width."""
    return cdist(np.cumsum(x, 1), np.cumsum(y, 1), "cityblock") * width


def total_variation(x: Rows, y: Rows) -> NDArray[np.float64]:
    """[n, m] half of the summed absolute differences of rows [n, k], [m, k]."""
    return cdist(x, y, "cityblock") / 2


def euclidean(x: Rows, y: Rows) -> NDArray[np.float64]:
    """[n, m] Euclidean distances of rows [n, k], [m, k]."""
    return cdist(x, y, "euclidean")


@dataclass(frozen=True)
class GaussianMMD:
    """MMD^2 of two sets of rows with the kernel exp(-D^2 / 2 sigma^2)."""

    distance: Callable[[Rows, Rows], NDArray[np.float64]]
    sigma: float

    def kernel(self, x: Rows, y: Rows) -> NDArray[np.float64]:
        """[n, m] kernel of rows [n, k] and [m, k]."""
        return np.exp(-np.square(self.distance(x, y)) / (2 * self.sigma**2))

    def __call__(self, x: Rows, y: Rows) -> float:
        """MMD^2 of rows [n, k] and [m, l], the shorter ones filled up with zeros."""
        x, y = _same_length(x, y)
        within = self.kernel(x, x).mean() + self.kernel(y, y).mean()
        return float(max(within - 2 * self.kernel(x, y).mean(), 0.0))


def _same_length(x: Rows, y: Rows) -> tuple[Rows, Rows]:
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(rows, ((0, 0), (0, width - rows.shape[1]))) for rows in (x, y))
    return x, y


def _emd(width: float) -> Callable[[Rows, Rows], NDArray[np.float64]]:
    return lambda x, y: earth_mover(x, y, width)


# Widths and sigmas as published: the bins of the spectrum count 1 each, those of clustering 1/100.
EMD: dict[str, Metric[GraphSet, Rows]] = {
    "degree": Metric(descriptors.degrees, GaussianMMD(_emd(1.0), 1.0)),
    "clustering": Metric(
        descriptors.clustering, GaussianMMD(_emd(1 / descriptors.CLUSTERING_BINS), 0.1)
    ),
    "orbit": Metric(descriptors.orbits, GaussianMMD(euclidean, 30.0)),
    "spectral": Metric(descriptors.spectra, GaussianMMD(_emd(1.0), 1.0)),
}
"""The metrics of GraphRNN and GDSS; the published average is of the first three."""

TV: dict[str, Metric[GraphSet, Rows]] = {
    "degree": Metric(descriptors.degrees, GaussianMMD(total_variation, 1.0)),
    "clustering": Metric(descriptors.clustering, GaussianMMD(total_variation, 0.1)),
    "orbit": Metric(descriptors.orbits, GaussianMMD(total_variation, 30.0)),
    "spectral": Metric(descriptors.spectra, GaussianMMD(total_variation, 1.0)),
}
"""The metrics of SPECTRE and DiGress, for planar graphs, trees and block models."""
