import numpy as np
import pytest

from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError
from molgen.graphs.data.graph_set import GraphSet, meta_of


def random_graphs(count: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    graphs = []
    for n in rng.integers(0, 9, count):
        edges = np.triu(rng.integers(0, 4, (n, n)), 1)
        graphs.append((rng.integers(0, 5, n).astype(np.int8), (edges + edges.T).astype(np.int8)))
    return graphs


def assert_same(graphs: GraphSet, expected: list[tuple[np.ndarray, np.ndarray]]) -> None:
    assert len(graphs) == len(expected)
    for index, (nodes, edges) in enumerate(expected):
        found_nodes, found_edges = graphs.graph(index)
        np.testing.assert_array_equal(found_nodes, nodes)
        np.testing.assert_array_equal(found_edges, edges)


def test_graphs_of_every_size_come_back():
    expected = random_graphs(300)
    assert {len(nodes) for nodes, _ in expected} == set(range(9))  # none, one and more nodes
    assert_same(GraphSet.of(expected), expected)


def test_edges_are_the_upper_triangle_row_by_row():
    edges = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]], np.int8)
    graphs = GraphSet.of([(np.array([7, 8, 9]), edges)])
    assert graphs.edges.tolist() == [1, 2, 3]
    assert graphs.nodes.tolist() == [7, 8, 9]
    assert (graphs.sizes.dtype, graphs.nodes.dtype, graphs.edges.dtype) == ("i2", "i1", "i1")


@pytest.mark.parametrize("kind", ["indices", "mask", "none"])
def test_a_selection_is_what_one_by_one_gives(kind):
    expected = random_graphs(100)
    labels = {"size": np.array([len(nodes) for nodes, _ in expected])}
    rng = np.random.default_rng(1)
    chosen = {
        "indices": rng.integers(0, 100, 40),  # in any order, with repeats
        "mask": rng.random(100) < 0.3,
        "none": np.zeros(0, int),
    }[kind]
    taken = GraphSet.of(expected, labels=labels).take(chosen)
    which = np.arange(100)[chosen]
    assert_same(taken, [expected[index] for index in which])
    np.testing.assert_array_equal(taken.labels["size"], labels["size"][which])


def test_a_file_gives_back_everything_and_holds_no_pickle(tmp_path):
    meta = {"kind": "molecules", "vocabulary": Vocabulary.of(["C", "N+"]).to_dict(), "n": 3}
    expected = random_graphs(50)
    graphs = GraphSet.of(expected, labels={"logp": np.linspace(-1, 1, 50)}, meta=meta)
    graphs.save(tmp_path / "a.npz")
    graphs.save(tmp_path / "b.npz")
    back = GraphSet.load(tmp_path / "a.npz")
    assert_same(back, expected)
    np.testing.assert_array_equal(back.labels["logp"], np.float32(np.linspace(-1, 1, 50)))
    assert back.meta == meta
    assert back.vocabulary == Vocabulary.of(["C", "N+"])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as content:
        assert all(content[name].dtype != object for name in content.files)


def test_the_histogram_counts_sizes():
    graphs = GraphSet.of([(np.zeros(n), np.zeros((n, n))) for n in (2, 3, 3, 5)])
    assert graphs.size_histogram().tolist() == [0, 0, 1, 2, 0, 1]


def test_an_empty_set_is_a_set(tmp_path):
    GraphSet.of([]).save(tmp_path / "none.npz")
    assert len(GraphSet.load(tmp_path / "none.npz")) == 0


def test_arrays_that_do_not_fit_are_refused():
    nodes, edges = np.zeros(3, np.int8), np.zeros(3, np.int8)
    GraphSet(np.array([3], np.int16), nodes, edges)
    with pytest.raises(UsageError, match="does not fit the sizes"):
        GraphSet(np.array([4], np.int16), nodes, edges)
    with pytest.raises(UsageError, match="2 labels 'logp' for 1 graphs"):
        GraphSet(np.array([3], np.int16), nodes, edges, {"logp": np.zeros(2, np.float32)})
    with pytest.raises(UsageError, match="graph 0: 3 nodes, but edges of shape"):
        GraphSet.of([(nodes, np.zeros((2, 2)))])


def test_plain_graphs_have_no_vocabulary():
    assert GraphSet.of([]).chemistry is None
    molecules = GraphSet.of([], meta=meta_of(Vocabulary.of(["C"])))
    assert molecules.chemistry == molecules.vocabulary == Vocabulary.of(["C"])
    with pytest.raises(UsageError, match="not molecules"):
        _ = GraphSet.of([]).vocabulary


def test_wrong_files_are_one_line(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        GraphSet.load(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UsageError, match="is damaged"):
        GraphSet.load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", positions=np.zeros(3))
    with pytest.raises(UsageError, match="holds no graphs"):
        GraphSet.load(tmp_path / "other.npz")
    GraphSet.of(random_graphs(20)).save(tmp_path / "cut.npz")
    content = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(UsageError, match="is damaged"):
        GraphSet.load(tmp_path / "cut.npz")
