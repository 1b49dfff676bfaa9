"""What networks are told of random walks, against networkx and the walks' own limit."""

import networkx as nx
import numpy as np
import pytest
import torch

from molgen.errors import UsageError
from molgen.graphs.models.knowledge import Guess
from molgen.graphs.models.walks import Walks
from molgen.nn.pairs import Pairs

PAIRS = Pairs(20)


def guess_of(graph, most=None):
    """Surely a graph, among padding."""
    n = len(graph)
    most = most or n
    square = torch.zeros(1, most, most, 1, dtype=torch.float64)
    square[0, :n, :n, 0] = torch.from_numpy(nx.to_numpy_array(graph))
    logit = torch.where(PAIRS.pack(square) > 0, 20.0, -20.0).double()
    log_p = torch.cat([-logit, logit], -1).log_softmax(-1)
    real = (torch.arange(most) < n).double()[None]
    return Guess(PAIRS, torch.zeros(1, most, 1).double(), log_p, real)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_entries_are_those_of_walks_on_the_graph(steps):
    graph = nx.random_geometric_graph(15, 0.5, seed=2)
    degree = np.array([d for _, d in graph.degree()], float)
    walk = np.linalg.matrix_power(nx.to_numpy_array(graph) / degree[:, None], steps)
    expected = 15 * walk * (degree[:, None] / degree) ** 0.5  # from i to j, and back
    of_nodes, of_pairs = Walks(5).tell(guess_of(graph, most=18))
    found = PAIRS.square(of_pairs, 18)[0, :15, :15, steps - 1] ** 2
    off = ~np.eye(15, dtype=bool)
    np.testing.assert_allclose(found.numpy()[off], expected[off], atol=5e-3)
    np.testing.assert_allclose(of_nodes[0, :15, steps - 1] ** 2, np.diag(expected), atol=5e-3)
    assert (of_nodes[0, 15:] == 0).all()
    assert (PAIRS.square(of_pairs, 18)[0, 15:] == 0).all()


def test_long_walks_forget_where_they_began():
    graph = nx.wheel_graph(12)
    degree = torch.tensor([d for _, d in graph.degree()]).double()
    of_nodes, _ = Walks(60).tell(guess_of(graph))
    limit = degree / degree.mean()
    assert torch.allclose(of_nodes[0, :, -1] ** 2, limit, atol=5e-3)


def test_walks_without_steps_are_refused():
    with pytest.raises(UsageError, match="walks = -1"):
        Walks(-1)
