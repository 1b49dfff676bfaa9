"""What graphs are compared by: one row of numbers a graph, whatever its size.

Definitions as in GraphRNN (You et al. 2018), kept by all later work: histograms of the nodes'
degrees, of their clustering coefficients (100 bins on [0, 1]) and of the eigenvalues of the
normalised Laplacian (200 bins on [0, 2]), each of sum 1; and the mean orbit counts. Types of nodes
and edges play no part. Published code removes nodes without neighbours from drawn graphs first;
here they count, with degree, clustering and eigenvalue 0.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.metrics.orbits import ORBITS, mean_orbits

Rows = NDArray[np.float64]

CLUSTERING_BINS = 100
SPECTRAL_BINS = 200

_ROUND = 1e-5
"""Eigenvalues 0 come out a little below it; the published range begins there."""


def adjacencies(graphs: GraphSet) -> Iterator[NDArray[np.bool_]]:
    """Of each graph, which nodes are joined: [n, n]."""
    for index in range(len(graphs)):
        yield graphs.graph(index)[1] > 0


def degrees(graphs: GraphSet) -> Rows:
    """[graphs, largest degree + 1] share of nodes with each number of neighbours."""
    found = [np.bincount(A.sum(0)) for A in adjacencies(graphs)]
    rows = np.zeros((len(found), max(map(len, found), default=0)))
    for row, counts in zip(rows, found, strict=True):
        row[: len(counts)] = counts / max(counts.sum(), 1)
    return rows


def clustering_coefficients(adjacency: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[n] share of a node's pairs of neighbours that are joined; 0 for fewer than two neighbours.

    c_i = 2 t_i / (d_i (d_i - 1)), t_i the triangles at node i, d_i its degree.
    """
    A = adjacency.astype(np.float64)
    twice_triangles = ((A @ A) * A).sum(0)
    d = A.sum(0)
    return np.divide(twice_triangles, d * (d - 1), out=np.zeros(len(d)), where=d > 1)


def clustering(graphs: GraphSet) -> Rows:
    """[graphs, 100] share of nodes with each clustering coefficient."""
    return _histograms(graphs, clustering_coefficients, CLUSTERING_BINS, (0.0, 1.0))


def laplacian_eigenvalues(adjacency: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[n] eigenvalues of D^-1/2 (D - A) D^-1/2, ascending, in [0, 2]; 0 for nodes on their own."""
    return np.asarray(np.linalg.eigvalsh(_normalised_laplacian(adjacency)), np.float64)


def laplacian_eigenvectors(adjacency: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[n, n] its eigenvectors, one a column, in the order of the eigenvalues."""
    return np.asarray(np.linalg.eigh(_normalised_laplacian(adjacency))[1], np.float64)


def _normalised_laplacian(adjacency: NDArray[np.bool_]) -> NDArray[np.float64]:
    A = adjacency.astype(np.float64)
    d = A.sum(0)
    scale = np.where(d > 0, 1 / np.sqrt(np.maximum(d, 1)), 0)
    return np.asarray(np.diag(d > 0) - A * scale * scale[:, None])


def spectra(graphs: GraphSet) -> Rows:
    """[graphs, 200] share of eigenvalues of the normalised Laplacian in each bin of [0, 2]."""

    def eigenvalues(adjacency: NDArray[np.bool_]) -> NDArray[np.float64]:
        # 2, the largest of a bipartite graph, may come out a little above the last bin
        return np.clip(laplacian_eigenvalues(adjacency), -_ROUND, 2.0)

    return _histograms(graphs, eigenvalues, SPECTRAL_BINS, (-_ROUND, 2.0))


def orbits(graphs: GraphSet) -> Rows:
    """[graphs, 15] mean orbit counts."""
    return _stack([mean_orbits(A) for A in adjacencies(graphs)], ORBITS)


def _histograms(
    graphs: GraphSet,
    values: Callable[[NDArray[np.bool_]], NDArray[np.float64]],
    bins: int,
    limits: tuple[float, float],
) -> Rows:
    rows = []
    for A in adjacencies(graphs):
        counts, _ = np.histogram(values(A), bins=bins, range=limits)
        rows.append(counts / max(counts.sum(), 1))
    return _stack(rows, bins)


def _stack(rows: list[Rows], width: int) -> Rows:
    return np.stack(rows) if rows else np.zeros((0, width))
