"""Sets of edges of a forest of which no two share a node."""

from collections import defaultdict
from collections.abc import Sequence
from math import prod

import numpy as np


def draw_matching(
    edges: Sequence[tuple[int, int]], weights: Sequence[int], generator: np.random.Generator
) -> list[int]:
    """Indices of the edges of a heaviest matching of a forest, each heaviest one equally likely.

    From the leaves up, every node keeps the weight of the best matching below it and the number of
    ways to reach it, once at all and once with the node itself left single; from the roots down,
    each choice is drawn by its number of ways. Linear in the edges.

    Args:
        edges: pairs of nodes, without a cycle.
        weights: one positive integer an edge.
        generator: draws among equally heavy ones.
    """
    order, children = _rooted(edges)
    single: dict[int, tuple[int, int]] = {}
    best: dict[int, tuple[int, int]] = {}
    options: dict[int, list[tuple[int, tuple[int, int] | None]]] = {}
    for node in reversed(order):
        weight = sum(best[child][0] for child, _ in children[node])
        ways = prod(best[child][1] for child, _ in children[node])
        single[node] = weight, ways
        found: list[tuple[int, int, tuple[int, int] | None]] = [(weight, ways, None)]
        for child, edge in children[node]:
            heavier = weight - best[child][0] + single[child][0] + weights[edge]
            found.append((heavier, ways // best[child][1] * single[child][1], (child, edge)))
        top = max(weight for weight, _, _ in found)
        options[node] = [(ways, choice) for weight, ways, choice in found if weight == top]
        best[node] = top, sum(ways for ways, _ in options[node])
    chosen: list[int] = []
    taken: set[int] = set()
    for node in order:
        if node in taken:
            continue
        chances = [ways / best[node][1] for ways, _ in options[node]]
        _, choice = options[node][generator.choice(len(chances), p=chances)]
        if choice is not None:
            taken.add(choice[0])
            chosen.append(choice[1])
    return sorted(chosen)


def _rooted(
    edges: Sequence[tuple[int, int]],
) -> tuple[list[int], dict[int, list[tuple[int, int]]]]:
    """Nodes with every parent before its children, and each node's (child, edge) pairs."""
    around: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for k, (i, j) in enumerate(edges):
        around[i].append((j, k))
        around[j].append((i, k))
    order: list[int] = []
    children: dict[int, list[tuple[int, int]]] = {}
    seen: set[int] = set()
    for root in around:
        waiting = [] if root in seen else [root]
        seen.add(root)
        while waiting:
            node = waiting.pop()
            order.append(node)
            children[node] = [(other, k) for other, k in around[node] if other not in seen]
            seen.update(other for other, _ in children[node])
            waiting.extend(other for other, _ in children[node])
    return order, children
