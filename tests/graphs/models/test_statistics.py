"""What is measured of training graphs, against graphs made by hand."""

import numpy as np
import torch

from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.models.statistics import Statistics


def test_bounds_are_those_of_the_graphs():
    """A star of double edges, and a path: types sum to 4 at the middle, to 2 on the path."""
    star, path = torch.zeros(2, 3, 3, dtype=torch.int8).numpy()
    star[0, 1:] = star[1:, 0] = 2
    path[0, 1] = path[1, 0] = path[1, 2] = path[2, 1] = 1
    graphs = GraphSet.of(
        [(torch.tensor([1, 0, 0]).numpy(), star), (torch.tensor([0, 2, 2]).numpy(), path)], meta={}
    )
    found = Statistics.measure(graphs)
    assert found.limits == (2, 4, 2)
    assert Statistics.from_dict(found.to_dict()) == found


def test_bounds_are_of_all_graphs_of_any_size():
    """Paths of 1 to 4 nodes, in any order, by how many edges a node has."""
    rng = np.random.default_rng(0)
    graphs = []
    for size in (3, 1, 4, 2, 3):
        path = np.eye(size, k=1, dtype=np.int8) * rng.integers(1, 4)
        order = rng.permutation(size)
        kinds = np.abs(path + path.T).astype(bool).sum(0)[order]
        graphs.append((kinds, (path + path.T)[order][:, order]))
    found = Statistics.measure(GraphSet.of(graphs, meta={}))
    for k in range(3):
        most = max(edges[kinds == k].sum(1).max(initial=0) for kinds, edges in graphs)
        assert found.limits[k] == most
