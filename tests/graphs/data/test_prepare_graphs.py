"""Graphs of a PyG data set become a folder to train on; PyG itself is not needed for that."""

import csv

import numpy as np
import pytest
import torch

import molgen
from molgen.chem.vocabulary import Vocabulary
from molgen.cli.main import main
from molgen.config import Recipe
from molgen.errors import UsageError
from molgen.graphs.convert import from_pyg
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.task import build

ATOMS = Vocabulary.of(["C", "N", "O"])


class Data(dict):
    """As much of torch_geometric.data.Data as is looked at."""

    edge_index = property(lambda self: self["edge_index"])
    num_nodes = property(lambda self: self["num_nodes"])


def ring(n, level=0.0, **changes):
    ends = [(k, (k + 1) % n) for k in range(n)]
    both = torch.tensor(ends + [(j, i) for i, j in ends]).T
    return Data(
        {"num_nodes": n, "edge_index": both, "y": torch.tensor([[level, 2 * level]]), **changes}
    )


def atoms(kinds, bonds):
    """A chain."""
    first = torch.arange(len(bonds))
    ends = torch.stack([first, first + 1])
    values = {"x": torch.tensor(kinds), "edge_index": ends, "edge_attr": torch.tensor(bonds)}
    return Data({"num_nodes": len(kinds), **values})


def test_plain_graphs_train_with_their_labels(graph_tables, tmp_path):
    data = [ring(n, level=n / 10) for n in (3, 4, 5, 6, 7) for _ in range(4)]
    folder = molgen.prepare_pyg(data, "rings", tmp_path / "rings", labels=("a", "b"))
    found = DataFolder.open(folder)
    assert (len(found.train), len(found.test)) == (18, 2)
    np.testing.assert_allclose(found.train.labels["a"], found.train.sizes / 10)
    np.testing.assert_allclose(found.train.labels["b"], found.train.sizes / 5)
    assert all(found.train.graph(k)[1].sum() == 2 * found.train.sizes[k] for k in range(18))
    table = {"graphs": str(folder), "held_out": 4}
    task = build(Recipe.parse({**graph_tables, "data": table}, "rings.toml"))
    assert task.draw(3, torch.Generator().manual_seed(0)).graphs == 3


def test_molecules_keep_their_smiles_and_what_is_none_is_listed(tmp_path):
    data = [atoms([0, 2], [1]), atoms([0, 1], [3]), atoms([0, 0, 0], [3, 2]), atoms([0], [])]
    made = molgen.prepare_pyg(
        data, "small", tmp_path / "small", vocabulary=ATOMS, test_share=0.3, allowed=0.3
    )
    found = DataFolder.open(made)
    assert sorted(found.smiles("train") + found.smiles("test")) == ["C", "C#N", "CO"]
    assert "1 lines skipped" in found.summary
    with open(made / "skipped.csv", newline="") as handle:
        (line,) = csv.DictReader(handle)
    assert line["line"] == "2"
    assert "valence" in line["reason"]
    assert molgen.prepare_pyg(
        data, "small", made, vocabulary=ATOMS, test_share=0.3, allowed=0.3
    ) == made  # fmt: skip
    with pytest.raises(UsageError, match=r"holds another run .source.seed is 0 there, 1 here"):
        molgen.prepare_pyg(
            data, "small", made, vocabulary=ATOMS, test_share=0.3, allowed=0.3, seed=1
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edge_index": torch.tensor([[0], [9]])}, "graph 2: an edge of node 9, where nodes are 0"),
        ({"edge_index": torch.tensor([[1], [1]])}, "graph 2: node 1 has a loop"),
        ({"y": None}, "graph 2: y has 0 columns for 1 labels"),
        ({"x": torch.tensor([0, 1, 300])}, "graph 2: node types must be from 0 to 126"),
        ({"x": torch.tensor([0, 256, 1])}, "graph 2: node types must be from 0 to 126"),
        ({"x": torch.tensor([0.5, 1.0, 1.0])}, "graph 2: x: types are integers or one-hot"),
        ({"edge_attr": torch.zeros(6)}, "graph 2: edge_attr: integers count from 1"),
        ({"num_nodes": 0, "edge_index": torch.zeros(2, 0).long()}, "graph 2: no nodes"),
    ],
)
def test_graphs_that_cannot_be_used_are_named(changes, message, tmp_path):
    data = [ring(3), ring(3), ring(3, **changes)]
    for one in data:
        one["y"] = None if one["y"] is None else one["y"][:, :1]
    with pytest.raises(UsageError, match=message):
        molgen.prepare_pyg(data, "rings", tmp_path / "rings", labels=("a",))


def test_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"rings: 0 of 0 graphs cannot be used.*two must be left"):
        molgen.prepare_pyg([], "rings", tmp_path / "rings")


def test_the_command_takes_graphs_that_were_drawn_or_saved(tmp_path, capsys):
    saved, made = tmp_path / "rings.npz", tmp_path / "rings"
    from_pyg([ring(n) for n in range(3, 23)]).save(saved)
    words = ["data", "prepare", str(saved), "-o", str(made)]
    assert main([*words, "--test-share", "0.25"]) == 0
    assert (len(DataFolder.open(made).train), len(DataFolder.open(made).test)) == (15, 5)
    assert capsys.readouterr().out.startswith("rings: 15 train, 5 test;")
    for more in (["--max-atoms", "5"], ["--graphs", "7"], ["--from", "a.smi"]):
        assert main([*words, *more]) == 2
        assert "holds graphs already" in capsys.readouterr().err
