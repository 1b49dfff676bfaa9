from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from molgen.chem.matching import draw_matching

PATH = [(i, i + 1) for i in range(5)]
STAR = [(0, i) for i in range(1, 5)]
FOREST = [(0, 1), (1, 2), (1, 3), (3, 4), (3, 5), (10, 11), (11, 12), (20, 21)]


def matchings(edges):
    """Every one, by trying all subsets."""
    for size in range(len(edges) + 1):
        for chosen in combinations(range(len(edges)), size):
            nodes = [node for k in chosen for node in edges[k]]
            if len(nodes) == len(set(nodes)):
                yield chosen


@pytest.mark.parametrize("edges", [PATH, STAR, FOREST], ids=["path", "star", "forest"])
def test_largest_matchings_are_drawn_equally_often(edges):
    generator = np.random.default_rng(0)
    size = max(map(len, matchings(edges)))
    largest = {chosen for chosen in matchings(edges) if len(chosen) == size}
    draws = 2000
    found = Counter(tuple(draw_matching(edges, [1] * len(edges), generator)) for _ in range(draws))
    assert set(found) == largest
    # 4.5 standard deviations of a binomial count, over at most 10 counts
    mean = draws / len(largest)
    assert all(abs(count - mean) <= 4.5 * mean**0.5 for count in found.values())


def test_the_heaviest_matching_of_random_trees_is_the_one_found_by_trying_all():
    generator = np.random.default_rng(1)
    for _ in range(30):
        edges = [(int(generator.integers(k)), k) for k in range(1, 10)]
        weights = [int(weight) for weight in generator.integers(1, 9, len(edges))]
        best = max(sum(weights[k] for k in chosen) for chosen in matchings(edges))
        drawn = draw_matching(edges, weights, generator)
        assert tuple(drawn) in set(matchings(edges))
        assert sum(weights[k] for k in drawn) == best


def test_a_long_path_is_no_deeper_than_the_stack():
    edges = [(i, i + 1) for i in range(5000)]
    assert len(draw_matching(edges, [1] * 5000, np.random.default_rng(0))) == 2500
