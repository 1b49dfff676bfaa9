import json
import lzma

import numpy as np
import pytest

from molgen.cli.main import main
from molgen.errors import UsageError
from molgen.graphs.data.edge_lists import read_edge_lists
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.data.prepare_plain import prepare_drawn, prepare_file

TRIANGLE = [3, [[0, 1], [1, 2], [0, 2]]]
PATH = [3, [[0, 1], [1, 2]]]


pytestmark = pytest.mark.usefixtures("own_data")


def test_a_drawn_set_is_split_without_leaks():
    data = DataFolder.open(prepare_drawn("community_small", graphs=50, seed=3))
    assert data.meta["counts"] == {"train": 32, "valid": 8, "test": 10}
    assert data.meta["source"] == {"drawn": "community_small", "graphs": 50, "seed": 3}
    assert data.meta["leaks"]["leaked"] == []
    assert data.meta["leaks"]["distinct"] == 42  # of 32 and 10
    assert data.train.meta["kind"] == "plain"


def test_an_equal_command_finds_the_folder_and_another_is_refused(tmp_path):
    folder = prepare_drawn("tree", tmp_path / "trees", graphs=5)
    before = (folder / "train.npz").stat().st_mtime_ns
    assert prepare_drawn("tree", folder, graphs=5) == folder
    assert (folder / "train.npz").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match=r"source\.seed is 0 there, 1 here"):
        prepare_drawn("tree", folder, graphs=5, seed=1)


def test_a_published_list_keeps_its_order_with_the_first_fifth_for_testing(tmp_path):
    path = tmp_path / "small.json"
    path.write_text(json.dumps([PATH, TRIANGLE, PATH, TRIANGLE, TRIANGLE]))
    data = DataFolder.open(prepare_file(path))
    assert data.meta["counts"] == {"train": 4, "test": 1}
    assert data.test.graph(0)[1].tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert data.meta["leaks"]["leaked"] == [0]
    assert data.summary == (
        "small: 4 train, 1 test; 1 of 1 test graphs are also among the 4 for training; 2 of 5 "
        "differ"
    )


def test_a_published_table_keeps_its_parts(tmp_path):
    path = tmp_path / "set.json.xz"
    with lzma.open(path, "wt") as handle:
        json.dump({"train": [PATH, TRIANGLE], "val": [PATH], "test": [TRIANGLE, [1, []]]}, handle)
    parts = read_edge_lists(path)
    assert {name: len(graphs) for name, graphs in parts.items()} == {
        "train": 2,
        "valid": 1,
        "test": 2,
    }
    np.testing.assert_array_equal(parts["test"].sizes, [3, 1])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[", "cannot be read"),
        ('{"train": []}', "is neither a list of graphs nor a table"),
        ('{"train": [], "test": [[1, []]]}', "has no graphs for train"),
        ("[[2, [[0, 1]]]]", "has no graphs for test"),
        ('{"train": [[2, [[0, 2]]]], "test": []}', "train graph 0: an edge from 0 to 2"),
        ('{"train": [[2, [[1, 1]]]], "test": []}', "none is joined to itself"),
        ('{"train": [[2]], "test": []}', r"train graph 0: is not \[nodes"),
        ('{"train": [[-2, []]], "test": []}', r"train graph 0: is not \[nodes"),
    ],
)
def test_files_that_are_no_graphs_are_refused(tmp_path, content, complaint):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=complaint):
        read_edge_lists(path)


def test_the_command_prepares_drawn_and_published_sets(tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["data", "prepare", "tree", "--graphs", "10", "--seed", "1", "-o", out]) == 0
    shown = capsys.readouterr().out
    assert "tree: 6 train, 2 valid, 2 test; 0 of 2 test graphs are also among the 6" in shown
    path = tmp_path / "mine.json"
    path.write_text(json.dumps([PATH] * 5))
    assert main(["data", "prepare", "planar", "--from", str(path)]) == 0
    assert "planar: 4 train, 1 test; 1 of 1 test graphs" in capsys.readouterr().out
    assert main(["data", "prepare", str(path)]) == 0
    assert "mine: 4 train" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["planar", "--aromatic"], "its graphs are no molecules"),
        (["planar", "--graphs", "3"], "3 graphs cannot be split"),
        (["planer"], "did you mean 'planar'?"),
        (["qm9", "--graphs", "3"], "--graphs is for sets that are drawn"),
        (["planar", "--from", "nowhere.json"], "nowhere.json: no such file"),
        (["nowhere.json", "--from", "x.json"], "is a file already"),
        (["planar", "--from", "nowhere.json", "--seed", "3"], "is taken whole"),
    ],
)
def test_the_command_refuses_what_does_not_fit(words, complaint, capsys):
    assert main(["data", "prepare", *words]) == 2
    assert complaint in capsys.readouterr().err
