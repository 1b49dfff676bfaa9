"""Quality against network evaluations: what a point costs, and of how many graphs it is."""

import pytest

from molgen import checkpoint as checkpoints
from molgen.graphs.evaluation.effort import evaluations_each, graphs_a_point
from molgen.graphs.evaluation.evaluate import evaluate
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.evaluation.verdict import judge_of
from molgen.graphs.task import restore
from molgen.sampler import SampleTable
from tests.graphs.evaluation.short import FEW


def test_points_of_a_curve_have_no_more_graphs_than_their_floor(
    small_trees, graph_checkpoint, tmp_path
):
    judge = judge_of(small_trees, FEW)
    assert (len(judge.pool), judge.usual) == (13, 4)
    assert graphs_a_point(judge, FEW) == 4
    assert graphs_a_point(judge, EvaluateTable(curve_samples=3)) == 3
    assert graphs_a_point(judge, EvaluateTable(curve_samples=0)) == 0
    options = FEW.model_copy(update={"curve_evaluations": (5,), "validity": "connected"})
    checkpoint = graph_checkpoint(plain=True)
    found = evaluate(checkpoint, data=small_trees.folder, output=tmp_path / "run", options=options)
    for name in ("vun", "emd_mean", "tv_mean"):
        assert found.results.evaluations[name][1].name == "noise floor, n = 4"


@pytest.mark.parametrize(
    ("kind", "solver", "count"),
    [
        ("transformer", "ancestral", 5),
        ("transformer", "heun", 8),
        ("energy", "ancestral", 5),
        ("gdss", "ancestral", 4),
    ],
)
def test_evaluations_of_a_graph_are_calls_of_its_network(graph_checkpoint, kind, solver, count):
    model, _ = restore(checkpoints.load(graph_checkpoint(model={"kind": kind})))
    assert evaluations_each(model, SampleTable(solver=solver, steps=4)) == count
