"""An evaluation of a checkpoint draws from it, keeps its results and leaves nothing else behind."""

import json
import shutil
from pathlib import Path

import pytest

from molgen import checkpoint as checkpoints
from molgen.errors import UsageError
from molgen.evaluation import evaluated
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.evaluation.evaluate import asked_of, evaluate
from molgen.graphs.evaluation.results import load_results
from molgen.report.graphs.console import runs_tables
from tests.graphs.evaluation.short import FEW


def test_a_checkpoint_is_drawn_from_and_keeps_its_evaluation(
    small_molecules, graph_checkpoint, tmp_path
):
    checkpoint = graph_checkpoint()
    options = FEW.model_copy(
        update={"solver": "ancestral", "steps": 4, "curve_evaluations": (2, 4), "curve_samples": 20}
    )
    done = evaluate(
        checkpoint,
        data=small_molecules.folder,
        count=60,
        output=tmp_path / "run",
        options=options,
    )
    found = done.results
    assert found.drawn == len(GraphSet.load(tmp_path / "run" / "samples.npz")) == 60
    assert found.provenance["samples"]["evaluations each"] == 5  # the last reads off the types
    curves = found.evaluations["valid_and_connected"]
    assert [curve.name for curve in curves] == ["ancestral", "noise floor, n = 19"]
    assert found.evaluations["fcd"][1].name == "noise floor, n = 20"
    assert curves[0].x == [2.0, 4.0]
    band = zip(curves[0].low, curves[0].y, curves[0].high, strict=True)
    assert all(low <= y <= high for low, y, high in band)
    assert len(found.evaluations["seconds"]) == 1
    asked = asked_of(checkpoints.load(checkpoint), small_molecules.folder, 60, options, 0)
    same = evaluated(checkpoint, load_results, asked, tmp_path / "run")
    assert same is not None
    assert same.lines == found.lines
    (table,) = runs_tables([same, same])
    cells = list(table.columns[0].cells)
    assert cells == ["tiny (2 seeds)", "real graphs: small, n = 60"]


def test_a_model_that_was_trained_on_other_graphs_may_have_seen_the_test(
    small_molecules, graph_checkpoint, tmp_path
):
    few = FEW.model_copy(update={"curve_samples": 0})
    remarks = {}
    for name, crc32 in (("same", small_molecules.train.crc32), ("others", 1)):
        checkpoint = graph_checkpoint()
        meta = json.loads((checkpoint / "meta.json").read_text())
        meta["data"] = {"graphs": 60, "crc32": crc32}
        (checkpoint / "meta.json").write_text(json.dumps(meta))
        own = {"data": small_molecules.folder, "count": 60, "output": tmp_path / name}
        remarks[name] = set(evaluate(checkpoint, options=few, **own).results.remarks)
    (more,) = remarks["others"] - remarks["same"]
    assert "whether it has seen the test graphs is not known" in more
    assert remarks["same"] <= remarks["others"]


def test_other_data_do_not_go_into_the_run_folder(
    small_molecules, graph_checkpoint, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    own, other = tmp_path / "own", tmp_path / "other"
    shutil.copytree(small_molecules.folder, own)
    shutil.copytree(small_molecules.folder, other)
    meta = json.loads((other / "meta.json").read_text())
    meta["crc32"]["skipped.csv"], meta["name"] = 0, "other"
    (other / "meta.json").write_text(json.dumps(meta))
    checkpoint = graph_checkpoint(data={"graphs": str(own)})
    (tmp_path / "run.json").write_text("{}")  # it is in a run folder
    few = FEW.model_copy(update={"curve_samples": 0})

    def place(data, **options):
        return evaluate(checkpoint, data=data, count=60, options=few, **options).folder

    assert place(None) == place(own) == tmp_path
    before = (tmp_path / "summary.json").read_text()
    apart = place(other)
    assert apart == Path("runs/evaluate-checkpoint-other")
    assert (tmp_path / "summary.json").read_text() == before
    with pytest.raises(UsageError, match="holds another run"):
        place(other, output=tmp_path)
    with pytest.raises(UsageError, match=r"holds another run \(data is"):
        place(None, output=apart)


def test_an_evaluation_that_fails_leaves_no_samples_behind(
    small_molecules, graph_checkpoint, tmp_path
):
    with pytest.raises(UsageError, match="of 1 graphs can be compared"):
        evaluate(graph_checkpoint(), data=small_molecules.folder, count=1, output=tmp_path / "run")
    assert not (tmp_path / "run" / "samples.npz").exists()
    assert not (tmp_path / "run" / "rejected.csv").exists()


def test_an_earlier_result_stands_only_for_what_it_was_asked(
    small_molecules, graph_checkpoint, tmp_path
):
    checkpoint, other = graph_checkpoint(), tmp_path / "other"
    shutil.copytree(small_molecules.folder, other)
    meta = json.loads((other / "meta.json").read_text())
    meta["crc32"]["test.npz"] = 0  # of other graphs
    (other / "meta.json").write_text(json.dumps(meta))
    few = FEW.model_copy(update={"curve_samples": 0})
    evaluate(
        checkpoint, data=small_molecules.folder, count=60, output=tmp_path / "run", options=few
    )

    def found(data=small_molecules.folder, count=60, options=few, seed=0):
        asked = asked_of(checkpoints.load(checkpoint), data, count, options, seed)
        return evaluated(checkpoint, load_results, asked, tmp_path / "run")

    assert found() is not None
    assert found(count=None, options=few.model_copy(update={"samples": 60})) is not None
    assert found(options=few.model_copy(update={"threads": 2})) is not None
    assert found(data=other) is None
    assert found(count=61) is None
    assert found(options=few.model_copy(update={"steps": 5})) is None
    assert found(seed=1) is None
