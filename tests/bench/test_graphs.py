"""Numbers are not tested, but that all of them are there, and of what they say they are."""

import json

import pytest

from molgen.bench import graphs
from molgen.bench.graph_models import QM9, Subject, of_size
from molgen.bench.timing import Rate
from molgen.cli.main import main


@pytest.fixture
def few(monkeypatch):
    for name, values in {"STEPS": (1, 2), "BATCHES": (1, 2), "ATOMS": (2, 4)}.items():
        monkeypatch.setattr(graphs, name, values)
    monkeypatch.setattr(graphs, "PAIRS_A_BATCH", 2000)


def test_the_command_times_everything_and_writes_it(few, tmp_path, capsys):
    output = tmp_path / "table.json"
    assert main(["bench", "graphs", "--quick", "--device", "cpu", "-o", str(output)]) == 0
    found = json.loads(output.read_text())
    steps, batches, atoms, gdss, training = found["tables"].values()
    assert [row["steps"] for row in steps] == [1, 2]
    assert [row["at a time"] for row in batches] == [1, 2]
    assert [row["atoms"] for row in atoms] == [2, 4]
    assert [row["network"] for row in gdss] == ["molgen", "GDSS", "GDSS"]
    assert gdss[0]["ratio to molgen"] == 1
    assert training[0]["graphs/s"] == pytest.approx(
        training[0]["steps/s"] * training[0]["graphs a step"]
    )
    assert "not their code" in found["note"]
    assert "matrix products" in found["note"]
    assert found["machine"]["torch"]
    assert "beside the networks of GDSS" in capsys.readouterr().out


def test_a_table_may_tell_the_memory(few):
    found = graphs.by_batch(Rate(1, 0.0), "cpu", quick=False)
    assert all(1 < row["memory (MB)"] < 1000 for row in found)


@pytest.mark.parametrize(("atoms", "parameters"), [(9, 8564 + 23825), (38, 11429 + 62873)])
def test_networks_of_gdss_are_as_large_as_published(atoms, parameters):
    assert Subject.gdss(of_size(atoms), **graphs.GDSS[atoms]).parameters == parameters


def test_ours_draws_as_it_would_if_it_were_trained():
    drawn = Subject.of_recipe(QM9).drawing(6, 2)()
    assert len(drawn) == 6


def test_a_missing_gpu_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(graphs.torch.cuda, "is_available", lambda: False)
    assert main(["bench", "graphs", "--device", "cuda"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
