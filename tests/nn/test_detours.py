"""Expected numbers of other ways between two nodes, against every walk taken one by one."""

import networkx as nx
import pytest
import torch

from molgen.nn.detours import detours


def counted(a, i, j, length):
    """The same by walking: never straight back, and neither first nor last along ij."""

    def onwards(path, weight):
        if len(path) == length + 1:
            ends = {frozenset(path[:2]), frozenset(path[-2:])}
            return weight if path[-1] == j and frozenset((i, j)) not in ends else 0.0
        return sum(
            onwards([*path, y], weight * float(a[path[-1], y]))
            for y in range(len(a))
            if a[path[-1], y] > 0 and (len(path) < 2 or y != path[-2])
        )

    return onwards([i], 1.0)


def adjacency(graph):
    return torch.tensor(nx.to_numpy_array(graph, nodelist=sorted(graph)))[None]


@pytest.mark.parametrize("length", [2, 3, 4, 5, 6, 7])
def test_of_doubtful_edges_it_is_the_mean_over_all_walks(length):
    generator = torch.Generator().manual_seed(length)
    a = torch.rand(6, 6, generator=generator, dtype=torch.float64)
    a = (a * (torch.rand(6, 6, generator=generator) < 0.6)).triu(1)
    a = a + a.T
    found = detours(a[None], 7)[0, ..., length - 2]
    expected = [[counted(a, i, j, length) if i != j else 0.0 for j in range(6)] for i in range(6)]
    assert found.max() > 0.01
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("size", [3, 4, 5, 6, 7, 8])
def test_the_bonds_of_a_ring_have_the_way_round_and_what_hangs_from_it_none(size):
    graph = nx.cycle_graph(size)
    graph.add_edges_from([(0, size), (size, size + 1)])
    found = detours(adjacency(graph), 7)[0]
    for i, j in graph.edges:
        in_ring = max(i, j) < size
        lengths = found[i, j].nonzero()[:, 0] + 2
        assert lengths.tolist()[:1] == ([size - 1] if in_ring else [])
