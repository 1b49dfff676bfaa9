r"""Mean orbit counts of a graph: how many graphlets of up to 4 nodes a node is in, and where.

A graphlet is a connected induced subgraph; an orbit is a set of positions in it that its symmetries
exchange (Przulj 2007). Each orbit's mean over the nodes needs only the graphlet's number in the
graph. With A the adjacency matrix, d degrees, T = A^2 (paths of two edges), t_i triangles at i, the
numbers of subgraphs, induced or not, are

    claw      sum_i C(d_i, 3)              4-cycle   sum_{i<j} C(T_ij, 2) / 2
    path      sum_ij (d_i-1)(d_j-1) - 3 t  diamond   sum_ij C(T_ij, 2)
    paw       sum_i t_i (d_i - 2)          4-clique  sum_ij (edges among common neighbours) / 6

(sum_ij over edges, t all triangles), from which those inside denser graphlets are taken off.
"""

import numpy as np
from numpy.typing import NDArray

ORBITS = 15

# graphlet -> (orbit, nodes of the graphlet in it); numbered as in Przulj 2007
_POSITIONS = {
    "edge": ((0, 2),),
    "path 3": ((1, 2), (2, 1)),  # ends, middle
    "triangle": ((3, 3),),
    "path 4": ((4, 2), (5, 2)),  # ends, inner
    "claw": ((6, 3), (7, 1)),  # leaves, centre
    "cycle 4": ((8, 4),),
    "paw": ((9, 1), (10, 2), (11, 1)),  # tail, far side of the triangle, where the tail joins
    "diamond": ((12, 2), (13, 2)),  # degree 2, degree 3
    "clique 4": ((14, 4),),
}


def graphlet_counts(adjacency: NDArray[np.bool_]) -> dict[str, int]:
    """How many induced subgraphs of each kind with 2, 3 and 4 connected nodes a graph has.

    Args:
        adjacency: [n, n], symmetric, empty diagonal.
    """
    # Exact in float64, and many times faster than integer products: counts stay far below 2^53.
    A = adjacency.astype(np.float64)
    d = A.sum(0)
    T = A @ A
    i, j = np.nonzero(np.triu(adjacency))
    common = A[i] * A[j]  # [edges, n] nodes that make a triangle with the edge
    t = (T * A).sum(0) / 2
    triangles = t.sum() / 3
    pairs = np.triu(T * (T - 1) / 2, 1)

    clique = (common @ A * common).sum() / 12
    diamond = pairs[i, j].sum() - 6 * clique
    cycle = pairs.sum() / 2 - diamond - 3 * clique
    paw = (t * (d - 2)).sum() - 4 * diamond - 12 * clique
    claw = (d * (d - 1) * (d - 2)).sum() / 6 - paw - 2 * diamond - 4 * clique
    path = ((d[i] - 1) * (d[j] - 1)).sum() - 3 * triangles
    path -= 2 * paw + 4 * cycle + 6 * diamond + 12 * clique
    numbers = {
        "edge": d.sum() / 2,
        "path 3": (d * (d - 1)).sum() / 2 - 3 * triangles,
        "triangle": triangles,
        "path 4": path,
        "claw": claw,
        "cycle 4": cycle,
        "paw": paw,
        "diamond": diamond,
        "clique 4": clique,
    }
    return {name: round(float(number)) for name, number in numbers.items()}


def mean_orbits(adjacency: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[15] how often a node is in each orbit, on average over the nodes of one graph [n, n]."""
    counts = np.zeros(ORBITS)
    for graphlet, number in graphlet_counts(adjacency).items():
        for orbit, nodes in _POSITIONS[graphlet]:
            counts[orbit] = number * nodes
    return counts / max(len(adjacency), 1)
