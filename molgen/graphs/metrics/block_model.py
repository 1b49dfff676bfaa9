r"""Whether a graph is a draw of SPECTRE's block model: 2 to 5 communities of 20 to 40 nodes.

A pair of nodes is joined with probability 0.3 inside a community and 0.005 between two. Published
work fits the communities with graph-tool (minimum description length, simulated annealing) and then
asks for mean(1 - F(w)) > 0.9 with w = (p - p_0)^2 / (p (1 - p)) of each pair of communities, F the
chi^2 distribution with one degree of freedom: w lacks the number of pairs of nodes, so that it is
no test at any level. This one is our own, and its numbers are not strictly comparable:

1. communities: the most probable partition at the model's own probabilities if each node is in
   any of k communities with probability 1 / k (log-likelihood - n log k, or odd nodes would be
   communities of their own), searched from spectral clusterings into k = 2, ..., 6 parts by moving
   single nodes while that helps;
2. as published: 2 to 5 of them, of 20 to 40 nodes; where some are outside, the nodes that lose
   least are moved until none is (a community of 20 may have lost an odd node to another), and the
   next step judges the outcome;
3. the edges inside each community and between each two are binomial numbers: an exact two-sided
   test of each, at the level 1 % for all of them together (Bonferroni), so that 99 % of true draws
   are accepted.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

INSIDE, BETWEEN = 0.3, 0.005
"""Probability of an edge inside a community, and between two."""

COMMUNITIES = (2, 5)
SIZES = (20, 40)
LEVEL = 0.01

_MOST_PARTS = COMMUNITIES[1] + 1
_SWEEPS = 100

Partition = NDArray[np.int64]
"""[n] community of each node."""


def is_block_model(adjacency: NDArray[np.bool_]) -> bool:
    """Whether a graph [n, n] passes the test described above."""
    partition = communities(adjacency)
    parts = partition.max(initial=0) + 1
    if not COMMUNITIES[0] <= parts <= COMMUNITIES[1]:
        return False
    if not SIZES[0] * parts <= len(partition) <= SIZES[1] * parts:
        return False
    return block_p_value(adjacency, _within_sizes(adjacency, partition)) > LEVEL


def block_p_value(adjacency: NDArray[np.bool_], partition: Partition) -> float:
    """Probability of edge numbers as unlikely as the most unlikely of all blocks, at most 1."""
    edges, pairs = block_counts(adjacency, partition)
    rows, columns = np.triu_indices(len(edges))
    p_values = [
        _binomial_p_value(edges[a, b], pairs[a, b], INSIDE if a == b else BETWEEN)
        for a, b in zip(rows, columns, strict=True)
        if pairs[a, b]
    ]
    return min(1.0, len(p_values) * min(p_values, default=1.0))


def _binomial_p_value(successes: np.int64, trials: np.int64, probability: float) -> float:
    """Probability of every number of successes that is not more likely than this one."""
    chances = binom.pmf(np.arange(trials + 1), trials, probability)
    # equal chances on the other side may differ in the last digits
    return float(chances[chances <= chances[successes] * (1 + 1e-7)].sum())


def block_counts(
    adjacency: NDArray[np.bool_], partition: Partition
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Edges and pairs of nodes inside and between communities: [k, k] each."""
    member = np.eye(partition.max(initial=0) + 1)[partition]  # [n, k]
    edges = member.T @ adjacency @ member
    sizes = member.sum(0)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    halved = 1 - np.eye(len(sizes)) / 2  # inside, each was counted twice
    return (edges * halved).round().astype(np.int64), (pairs * halved).round().astype(np.int64)


def communities(adjacency: NDArray[np.bool_]) -> Partition:
    """The most probable partition [n] that was found, communities numbered from 0."""
    A = adjacency.astype(np.float64)
    found = [np.zeros(len(A), np.int64)]
    d = np.maximum(A.sum(0), 1)
    vectors = np.linalg.eigh(A / np.sqrt(d * d[:, None]))[1]
    for parts in range(2, min(_MOST_PARTS, len(A)) + 1):
        improved = _improved(A, _clusters(vectors[:, -parts:]), parts)
        found.append(np.unique(improved, return_inverse=True)[1].astype(np.int64))
    return max(found, key=lambda partition: _log_probability(adjacency, partition))


_EDGE_GAIN = np.log(INSIDE / BETWEEN)
_GAP_GAIN = np.log((1 - INSIDE) / (1 - BETWEEN))


def _log_probability(adjacency: NDArray[np.bool_], partition: Partition) -> float:
    """Of graph and partition, less that of the same graph with every pair between communities."""
    edges, pairs = (np.trace(counts) for counts in block_counts(adjacency, partition))
    prior = -len(partition) * np.log(partition.max(initial=0) + 1)
    return float(edges * _EDGE_GAIN + (pairs - edges) * _GAP_GAIN + prior)


def _improved(A: NDArray[np.float64], partition: Partition, parts: int) -> Partition:
    """The partition after moving single nodes to a better community until none gains."""
    member = np.eye(parts)[partition]
    for _ in range(_SWEEPS):
        moved = False
        for node in range(len(A)):
            here = int(member[node].argmax())
            member[node] = 0
            gain = _gains(A[node], member)
            there = int(gain.argmax()) if gain.max() > gain[here] + 1e-9 else here
            member[node, there] = 1
            moved |= there != here
        if not moved:
            break
    return member.argmax(1)


def _gains(edges: NDArray[np.float64], member: NDArray[np.float64]) -> NDArray[np.float64]:
    """[..., k] log-likelihood that nodes with edges [..., n] win in communities [n, k]."""
    joined = edges @ member
    return joined * _EDGE_GAIN + (member.sum(0) - joined) * _GAP_GAIN


def _within_sizes(adjacency: NDArray[np.bool_], partition: Partition) -> Partition:
    """The partition after as many moves as its communities need to be within `SIZES`."""
    A = adjacency.astype(np.float64)
    partition = partition.copy()
    while True:
        member = np.eye(partition.max() + 1)[partition]
        sizes = member.sum(0)
        too_few, too_many = sizes < SIZES[0], sizes > SIZES[1]
        if not (too_few | too_many).any():
            return partition
        gains = _gains(A, member)
        loss = gains[np.arange(len(A)), partition][:, None] - gains
        leaves = (sizes > SIZES[0]) & (too_many | (not too_many.any()))
        enters = (sizes < SIZES[1]) & (too_few | (not too_few.any()))
        loss[~leaves[partition]] = np.inf
        loss[:, ~enters] = np.inf
        loss[np.arange(len(A)), partition] = np.inf
        node, there = np.unravel_index(loss.argmin(), loss.shape)
        partition[node] = there


def _clusters(vectors: NDArray[np.float64]) -> Partition:
    """[n] k-means clusters of the rows of k leading eigenvectors of D^-1/2 A D^-1/2: [n, k].

    Spectral clustering of Ng et al. 2002, without randomness: each centre starts at the row
    farthest from those before it, the first along their mean.
    """
    parts = vectors.shape[1]
    rows = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    centres = rows[[int((rows @ rows.mean(0)).argmax())]]
    for _ in range(parts - 1):
        nearest = np.square(rows[:, None] - centres).sum(2).min(1)
        centres = np.vstack([centres, rows[nearest.argmax()]])
    partition = np.full(len(rows), -1, np.int64)
    for _ in range(_SWEEPS):
        now = np.square(rows[:, None] - centres).sum(2).argmin(1)
        if np.array_equal(now, partition):
            break
        partition = now
        for k in range(parts):
            if (partition == k).any():
                centres[k] = rows[partition == k].mean(0)
    return partition
