"""What log P of graphs is at least: of files, of what is drawn, never under conditions."""

import csv

import numpy as np
import pytest

from molgen import checkpoint as checkpoints
from molgen.cli.main import main
from molgen.errors import UsageError
from molgen.graphs.bounds import lower_bounds
from molgen.graphs.convert import load_graphs
from molgen.graphs.data.graph_set import GraphSet, meta_of
from molgen.graphs.sample import sample
from molgen.graphs.task import restore
from molgen.likelihood import likelihood


def read(path):
    with open(path) as file:
        return [(line["name"], float(line["log_p_at_least"])) for line in csv.DictReader(file)]


def test_frequent_types_are_likelier_than_rare_ones(graph_checkpoint):
    """Even to a model that was never trained, which begins at the frequencies."""
    model, statistics = restore(checkpoints.load(graph_checkpoint()))

    def bound(atom, bond):
        edges = np.zeros((3, 3), np.int8)
        edges[0, 1] = edges[1, 0] = edges[1, 2] = edges[2, 1] = bond
        same = [(np.full(3, atom, np.int8), edges)] * 200
        many = GraphSet.of(same, meta=meta_of(statistics.vocabulary))
        found = lower_bounds(model, statistics, many, seed=0)
        return found.mean(), found.std() / 200**0.5

    (frequent, error), (rare, other) = bound(0, 1), bound(2, 3)
    # by the frequencies, 3 log(0.7 / 0.1) + 2 log(0.4 / 0.03) = 11 nats
    assert abs(frequent - rare - 11) < 3
    assert error + other < 0.5


def test_drawn_graphs_have_bounds_by_their_numbers(graph_checkpoint, tmp_path):
    folder, output = graph_checkpoint(), tmp_path / "g.npz"
    sample(folder, count=5, output=output, likelihood=True)
    lines = read(tmp_path / "g.bound.csv")
    assert [name for name, _ in lines] == ["0", "1", "2", "3", "4"]
    model, statistics = restore(checkpoints.load(folder))
    typical = lower_bounds(model, statistics, load_graphs(output), seed=3)
    # the same graphs by other noise: of the same size
    assert abs(np.mean([value for _, value in lines]) - typical.mean()) < 6


def test_a_file_of_molecules_is_scored_and_labelled_a_bound(graph_checkpoint, tmp_path, capsys):
    (tmp_path / "m.smi").write_text("CO\nCCO\n")
    words = ["likelihood", str(graph_checkpoint()), str(tmp_path / "m.smi")]
    assert main([*words, "-o", str(tmp_path / "m.csv")]) == 0
    assert [name for name, _ in read(tmp_path / "m.csv")] == ["CO", "CCO"]
    assert "lower bound on log P" in capsys.readouterr().err


def test_what_has_no_bound_is_refused(graph_checkpoint, tmp_path, capsys):
    folder = str(graph_checkpoint())
    words = ["sample", "graphs", "-m", folder, "-n", "2", "--likelihood", "--scaffold", "CC"]
    assert main([*words, "-o", str(tmp_path / "s.smi")]) == 2
    assert "known atoms" in capsys.readouterr().err
    assert main(["likelihood", folder, "-o", str(tmp_path / "x.csv"), "--probes", "4"]) == 2
    assert "follows no flow" in capsys.readouterr().err
    assert main(["consistency", folder, "-o", str(tmp_path / "x.json")]) == 2
    assert "no distance of their own" in capsys.readouterr().err
    (tmp_path / "m.sdf").write_text("")
    with pytest.raises(UsageError, match=r"read from \.smi, \.csv or \.npz"):
        likelihood(folder, tmp_path / "m.sdf", output=tmp_path / "x.csv")
