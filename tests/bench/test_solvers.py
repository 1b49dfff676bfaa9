"""Numbers are not tested, but that all of them are there, and of what they say they are."""

import json

import pytest

from molgen.bench import solvers
from molgen.bench.solver_quality import quality_of
from molgen.cli.main import main
from molgen.sampler import SampleTable
from molgen.trained import load


def test_the_command_judges_draws_and_writes_the_table(tmp_path, capsys):
    output = tmp_path / "table.json"
    words = ["bench", "solvers", "--quick", "-m", "mueller_brown", "--solver", "dpm++"]
    more = ["--solver", "heun", "--evaluations", "6", "--teleport", "3", "-o", str(output)]
    assert main([*words, *more]) == 0
    found = json.loads(output.read_text())
    ((title, rows),) = found["tables"].items()
    assert "mueller_brown: 500 conformers" in title
    named = {(row["solver"], row["steps"], row["evaluations"]) for row in rows}
    assert named == {
        ("adams", 60, 60),
        ("dpm++", 6, 6),
        ("dpm++, from 3", 6, 6),
        ("heun", 3, 5),
        ("heun, from 3", 3, 5),
    }
    by_name = {row["solver"]: row for row in rows}
    # Sixty steps of third order are the flow itself; teleporting spares the coarse ones.
    assert by_name["adams"]["off the flow"] < 0.01
    assert by_name["heun, from 3"]["off the flow"] < by_name["heun"]["off the flow"]
    assert all("JS" in row and "PMF" in row for row in rows)
    assert "mueller_brown" in capsys.readouterr().out


def test_poses_are_measured_from_the_crystals():
    quality = quality_of(load("docking"), quick=True)
    found = quality.measure(SampleTable(solver="ancestral", steps=3))
    assert set(found) == {
        "poses < 2 Å",
        "complexes with one",
        "median, Å",
        "median of best, Å",
    }
    assert 0 < found["median of best, Å"] <= found["median, Å"] < 30


def test_graphs_are_checked_without_data(monkeypatch):
    quality = quality_of(load("qm9"), quick=True)
    table = SampleTable(solver="dpm++", steps=4)
    assert quality.cost(table) == 5  # types are read off one more
    assert 0 <= quality.measure(table)["valid"] <= 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--solver", "dpm"], "no solver 'dpm'"),
        (["-m", "qm9_properties"], "draws none"),
        (["-m", "docking", "--complexes", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_is_one_line(words, said, capsys):
    assert main(["bench", "solvers", "--quick", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_solvers_that_exceed_every_budget_are_left_out():
    quality = quality_of(load("mueller_brown"), quick=True)
    ways = solvers.ways_of(quality, ("pndm", "dpm++"), (3,), None, True)
    assert [(way.solver, way.steps) for way in ways[1:]] == [("dpm++", 3)]
