import networkx as nx
import numpy as np
import pytest

from molgen.graphs.data.graph_set import GraphSet


def _adjacency(graph: nx.Graph) -> np.ndarray:
    return nx.to_numpy_array(graph, weight=None, dtype=np.int8)


@pytest.fixture
def plain():
    """Networkx graphs as a GraphSet."""

    def make(*graphs: nx.Graph) -> GraphSet:
        return GraphSet.of((np.zeros(len(g), np.int8), _adjacency(g)) for g in graphs)

    return make
