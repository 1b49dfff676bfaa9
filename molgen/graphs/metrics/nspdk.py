r"""NSPDK: two sets of labelled graphs compared by their pairs of neighbourhoods.

Neighbourhood subgraph pairwise distance kernel (Costa & De Grave 2010). A feature of a graph is a
pair of nodes at distance d with the neighbourhoods of radius r around both; beside each pair, as in
the authors' program EDeN, the neighbourhood of its second node alone ("half" feature). With

    level k of a node   the bag of nodes (label, degree) at distance k / 2, k even, or of the edges
                        (label) whose nearer end is at distance (k - 1) / 2, k odd
    N_r(v)              hash of levels 0, 1, ..., 2 r of v; there is none without a node at r
    counts, r and d     over ordered pairs (v, u) at distance d of {N_r(v), N_r(u)}, and of N_r(u)

for r and d from 0 to `complexity`, phi(G) is the counts of each (r, d) scaled to length 1, all of
them then scaled to length 1 together. The kernel is linear, so

    MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y) = |mean phi(x) - mean phi(y)|^2,

which takes time in proportion to the number of graphs. Hashes are fixed 64-bit mixes, so that a
graph has the same features in every process (in EDeN they follow Python's own hash, and it folds
features to 16 bits). The order in which a bag is read does not matter: its hash is the sum of those
of its members.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from molgen.errors import UsageError
from molgen.graphs.metrics.hashing import Hashes, mix, salt
from molgen.graphs.metrics.metric import Metric

COMPLEXITY = 4
"""Largest radius and distance in published evaluations."""

COLUMN_BITS = 20
"""Features fall into 2^20 columns. 10,000 molecules of QM9 have 1.2 10^6 features, so some share
one, which changes their MMD by less than 1 %: 1.752e-4 with 20 bits, 1.747e-4 with 24."""

# One number an occurrence of a feature: its hash, above that 5 bits of (r, d), then the graph.
_HASH_BITS = 45
_BLOCK_BITS = 5
_BELOW_GRAPH = np.uint64(_HASH_BITS + _BLOCK_BITS)
_CHUNK = 1 << 11  # graphs at a time; at most 14 bits
_FAR = 127

Graph = tuple[NDArray[np.integer], NDArray[np.integer]]
"""Labels of the nodes [n]; labels of the edges [n, n], symmetric, 0 where there is none."""


def features(
    graphs: Iterable[Graph], complexity: int = COMPLEXITY, column_bits: int = COLUMN_BITS
) -> csr_matrix:
    """[graphs, 2^column_bits] feature vectors of length 1; an empty graph's is 0."""
    if not 0 <= complexity <= COMPLEXITY:
        raise UsageError(f"NSPDK: complexity is {complexity}, not between 0 and {COMPLEXITY}")
    of_size: dict[int, list[int]] = defaultdict(list)
    kept = list(graphs)
    for index, (labels, _) in enumerate(kept):
        of_size[len(labels)].append(index)
    blocks, order = [], []
    for size in sorted(of_size):
        # pairs of nodes in a chunk: what bounds the memory
        step = max(1, min(_CHUNK, 400_000 // max(size, 1) ** 2))
        for start in range(0, len(of_size[size]), step):
            indices = of_size[size][start : start + step]
            blocks.append(_features([kept[k] for k in indices], size, complexity, column_bits))
            order += indices
    if not blocks:
        return csr_matrix((0, 1 << column_bits))
    return vstack(blocks, format="csr")[np.argsort(order)]


def distance_of_means(x: csr_matrix, y: csr_matrix) -> float:
    """|mean of the rows of x - mean of the rows of y|^2."""
    return float(np.square(_mean(x) - _mean(y)).sum())


NSPDK: Metric[Iterable[Graph], csr_matrix] = Metric(features, distance_of_means)
"""NSPDK MMD of two sets of labelled graphs, with complexity 4 and the linear kernel."""


def _mean(rows: csr_matrix) -> NDArray[np.float64]:
    return np.bincount(rows.indices, rows.data, rows.shape[1]) / rows.shape[0]


def _features(graphs: Sequence[Graph], size: int, complexity: int, column_bits: int) -> csr_matrix:
    """The rows of graphs of one size."""
    labels = np.stack([nodes for nodes, _ in graphs]).astype(np.uint64)
    edges = np.stack([edges for _, edges in graphs]).astype(np.uint64)
    distances = _distances(edges > 0, complexity)
    prefix = _prefix_hashes(labels, edges, distances, complexity)
    # radius r counts at a node that has a node at distance r: [r, graphs, n]
    there = np.stack([(distances == r).any(2) for r in range(complexity + 1)])

    found = []
    for d in range(complexity + 1):
        graph, v, u = np.nonzero(distances == d)
        for r in range(complexity + 1):
            both = there[r, graph, v] & there[r, graph, u]
            g, at_v, at_u = graph[both], prefix[r][graph, v][both], prefix[r][graph, u][both]
            block = np.uint64(r * (complexity + 1) + d)
            pair = mix(mix(np.minimum(at_v, at_u)) ^ np.maximum(at_v, at_u))
            address = g.astype(np.uint64) << _BELOW_GRAPH | block << np.uint64(_HASH_BITS)
            found += [address | _top(pair), address | _top(mix(at_u ^ _HALF))]
    return _rows(np.concatenate(found), len(graphs), complexity, column_bits)


def _rows(found: Hashes, graphs: int, complexity: int, column_bits: int) -> csr_matrix:
    """Normalised rows from one number an occurrence: graph, (r, d) and hash in its bits."""
    keys, counts = np.unique(found, return_counts=True)
    graph = (keys >> _BELOW_GRAPH).astype(np.int64)
    block = (keys >> np.uint64(_HASH_BITS)).astype(np.int64) & ((1 << _BLOCK_BITS) - 1)
    blocks = (complexity + 1) ** 2
    squares = np.bincount(graph * blocks + block, counts.astype(np.float64) ** 2, graphs * blocks)
    present = (squares.reshape(graphs, blocks) > 0).sum(1)
    values = counts / np.sqrt(squares[graph * blocks + block] * present[graph])
    columns = mix(keys ^ (graph.astype(np.uint64) << _BELOW_GRAPH)) >> np.uint64(64 - column_bits)
    shape = (graphs, 1 << column_bits)
    return csr_matrix((values, (graph, columns.astype(np.int32))), shape=shape)


def _distances(joined: NDArray[np.bool_], most: int) -> NDArray[np.int8]:
    """[graphs, n, n] edges on the shortest path, up to `most`; 127 beyond."""
    n = joined.shape[1]
    step = joined.astype(np.float32)
    reached = np.broadcast_to(np.eye(n, dtype=bool), joined.shape)
    distances = np.where(reached, 0, _FAR).astype(np.int8)
    for length in range(1, most + 1):
        further = reached | (reached.astype(np.float32) @ step > 0)
        distances[further & ~reached] = length
        reached = further
    return distances


def _prefix_hashes(
    labels: Hashes, edges: Hashes, distances: NDArray[np.int8], complexity: int
) -> list[Hashes]:
    """N_r of every node, for r = 0, ..., complexity: [graphs, n] each."""
    degrees = (edges > 0).sum(2).astype(np.uint64)
    node = mix(mix(labels) ^ degrees)
    ends, bond = _edge_lists(edges)
    rows = np.arange(len(labels))[:, None, None]
    centres = np.arange(labels.shape[1])[None, :, None]
    nearer = np.minimum(
        distances[rows, centres, ends[:, None, :, 0]], distances[rows, centres, ends[:, None, :, 1]]
    )
    running = np.full(labels.shape, _START, np.uint64)
    prefixes = []
    for k in range(2 * complexity + 1):
        where, what = (nearer, bond) if k % 2 else (distances, node)
        level = np.where(where == k // 2, what[:, None, :], np.uint64(0)).sum(2, dtype=np.uint64)
        running = mix(mix(running ^ np.uint64(k)) ^ level)
        if k % 2 == 0:
            prefixes.append(running)
    return prefixes


def _edge_lists(edges: Hashes) -> tuple[NDArray[np.int64], Hashes]:
    """Ends [graphs, most edges, 2] and hashed labels of the edges; hash 0 fills up."""
    graph, i, j = np.nonzero(np.triu(edges))
    counts = np.bincount(graph, minlength=len(edges))
    place = np.arange(len(graph)) - np.repeat(np.cumsum(counts) - counts, counts)
    ends = np.zeros((len(edges), max(counts.max(initial=0), 1), 2), np.int64)
    hashes = np.zeros(ends.shape[:2], np.uint64)
    ends[graph, place] = np.stack([i, j], 1)
    hashes[graph, place] = mix(edges[graph, i, j] ^ _EDGE)
    return ends, hashes


_START, _EDGE, _HALF = salt(1), salt(2), salt(3)


def _top(hashes: Hashes) -> Hashes:
    return hashes >> np.uint64(64 - _HASH_BITS)
