import networkx
import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.molecules import graph_of
from molgen.chem.vocabulary import Vocabulary
from molgen.errors import MolgenError, UsageError
from molgen.graphs import convert
from molgen.graphs.convert import from_networkx, from_pyg, to_networkx, to_pyg
from molgen.graphs.data.graph_set import GraphSet
from tests.graphs.drawn import equal

VOCABULARY = Vocabulary.of(["C", "N", "O", "N+", "O-"])
SMILES = ["C[N+](=O)[O-]", "CC#N", "O", "C1=CC=NC=C1"]


def molecules() -> GraphSet:
    found = [graph_of(Chem.MolFromSmiles(smiles), VOCABULARY) for smiles in SMILES]
    return GraphSet.of(
        ((graph.atoms, graph.bonds) for graph in found),
        labels={"logp": np.array([0.5, 1.5, 2.5, 3.5]), "a": np.arange(4)},
        meta={"kind": "molecules", "vocabulary": VOCABULARY.to_dict()},
    )


def plain() -> GraphSet:
    rng = np.random.default_rng(0)
    graphs = []
    for n in (0, 1, 5, 9):
        edges = np.triu(rng.integers(0, 3, (n, n)), 1)
        graphs.append((rng.integers(0, 4, n), edges + edges.T))
    return GraphSet.of(graphs)


def test_nitromethane_in_networkx_is_what_one_draws():
    graph = to_networkx(molecules())[0]
    assert dict(graph.nodes(data=True)) == {
        0: {"element": "C", "charge": 0},
        1: {"element": "N", "charge": 1},
        2: {"element": "O", "charge": 0},
        3: {"element": "O", "charge": -1},
    }
    bonds = {frozenset(ends): bond for *ends, bond in graph.edges(data="bond")}
    assert bonds == {
        frozenset({0, 1}): "single",
        frozenset({1, 2}): "double",
        frozenset({1, 3}): "single",
    }
    assert graph.graph == {"logp": 0.5, "a": 0.0}


def test_networkx_and_back_is_the_same_set():
    back = from_networkx(to_networkx(molecules()), VOCABULARY)
    assert equal(back, molecules())
    assert back.vocabulary == VOCABULARY
    assert equal(from_networkx(to_networkx(plain())), plain())


def test_any_networkx_graph_is_a_plain_graph():
    petersen = networkx.petersen_graph()
    named = networkx.Graph([("c", "a"), ("a", "b")])
    graphs = from_networkx([petersen, named])
    nodes, edges = graphs.graph(0)
    assert not nodes.any()
    np.testing.assert_array_equal(edges, networkx.to_numpy_array(petersen))
    assert networkx.is_isomorphic(to_networkx(graphs)[0], petersen)
    assert graphs.graph(1)[1].tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    ("graph", "vocabulary", "message"),
    [
        (networkx.DiGraph([(0, 1)]), None, "graph 0: is directed or has parallel edges"),
        (networkx.MultiGraph([(0, 1)]), None, "graph 0: is directed or has parallel edges"),
        (networkx.Graph([(0, 0)]), None, "graph 0: node 0 has a loop"),
        (networkx.Graph([(0, 1)]), VOCABULARY, "graph 0: an atom or bond has no 'element'"),
        (networkx.Graph([(0, 1, {"type": -1})]), None, "edge types must be from 0 to 126"),
        (
            to_networkx(molecules())[0],
            Vocabulary.of(["C", "O"]),
            r"graph 0: atom N\+ is not in the vocabulary",
        ),
    ],
)
def test_networkx_graphs_that_are_none_of_ours(graph, vocabulary, message):
    with pytest.raises(UsageError, match=message):
        from_networkx([graph], vocabulary)


def test_an_unknown_bond_is_named():
    graph = to_networkx(molecules())[1]
    graph.edges[0, 1]["bond"] = "quadruple"
    with pytest.raises(UsageError, match="bond 'quadruple' is not one of single, double, triple"):
        from_networkx([graph], VOCABULARY)


class Data(dict):
    """As much of torch-geometric's Data as we use, to test without it."""

    def __getattr__(self, name):
        return self[name]

    @property
    def num_nodes(self):
        return self["n"] if "n" in self else len(self["x"])


@pytest.fixture(params=["a stand-in", "torch-geometric"])
def data(request, monkeypatch):
    if request.param == "a stand-in":
        monkeypatch.setattr(convert, "_pyg_data", lambda: Data)
        return Data
    return pytest.importorskip("torch_geometric.data").Data


def test_nitromethane_in_pyg(data):
    (graph, *_) = to_pyg(molecules())
    assert graph.x.tolist() == [
        [1, 0, 0, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1],
    ]
    assert graph.edge_index.tolist() == [[0, 1, 1, 1, 2, 3], [1, 0, 2, 3, 1, 1]]
    assert graph.edge_attr.argmax(1).tolist() == [0, 0, 1, 0, 1, 0]
    assert graph.edge_attr.shape == (6, 3)
    assert graph.y.tolist() == [[0.0, 0.5]]  # a, logp


def test_pyg_and_back_is_the_same_set(data):
    assert equal(from_pyg(to_pyg(molecules()), VOCABULARY), molecules())
    assert equal(from_pyg(to_pyg(plain())), plain())


def test_pyg_graphs_with_integer_types_or_none_are_read(data):
    import torch

    index = torch.tensor([[0, 1], [1, 2]])  # one direction is enough
    bare = data(edge_index=index, **({"n": 4} if data is Data else {"num_nodes": 4}))
    typed = data(x=torch.tensor([2, 0, 1, 1]), edge_index=index, edge_attr=torch.tensor([3, 1]))
    graphs = from_pyg([bare, typed])
    assert graphs.nodes.tolist() == [0, 0, 0, 0, 2, 0, 1, 1]
    assert graphs.edges.tolist() == [1, 0, 0, 1, 0, 0, 3, 0, 0, 1, 0, 0]


def test_pyg_graphs_that_are_none_of_ours(data):
    import torch

    x, index = torch.eye(2), torch.tensor([[0, 1], [1, 0]])
    for change, message in (
        ({"x": torch.tensor([[0.3, 0.7], [1.0, 0.0]])}, "x: types are integers or one-hot"),
        ({"edge_attr": torch.tensor([1, 2])}, "edge 1-0 has two types"),
        ({"edge_index": torch.tensor([[1], [1]])}, "node 1 has a loop"),
        ({"x": torch.tensor([7, 0])}, "node types must be from 0 to 4"),
        ({"edge_attr": torch.tensor([9, 9])}, "edge types must be from 0 to 3"),
    ):
        with pytest.raises(UsageError, match=f"graph 0: {message}"):
            from_pyg([data(**{"x": x, "edge_index": index, **change})], VOCABULARY)


def test_without_torch_geometric_its_name_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch_geometric.data", None)
    with pytest.raises(MolgenError, match="pip install torch_geometric"):
        to_pyg(molecules())
