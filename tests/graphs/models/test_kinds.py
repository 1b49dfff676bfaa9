"""Models that a recipe names: what their options change, and what is refused."""

import pytest
import torch

from molgen import checkpoint
from molgen.errors import UsageError
from molgen.graphs.drawing import draw
from molgen.graphs.task import restore
from molgen.sampler import SampleTable

SMALL = {"width": 16, "pair_width": 8, "whole_width": 8, "layers": 1, "heads": 2, "triangles": 4}


@pytest.mark.parametrize("kind", ["transformer", "energy"])
@pytest.mark.parametrize("block", ["attention", "sheaf"])
def test_a_recipe_chooses_how_nodes_learn_of_each_other(kind, block, graph_checkpoint):
    model, statistics = restore(
        checkpoint.load(graph_checkpoint(model={"kind": kind, "block": block, **SMALL}))
    )
    names = {name.split(".")[4] for name, _ in model.named_parameters() if ".layers." in name}
    assert ("sheaf" in names, "qkv" in names) == (block == "sheaf", block == "attention")
    drawn = draw(model, statistics, 4, table=SampleTable(steps=3))
    again = draw(model, statistics, 2, first=2, table=SampleTable(steps=3))
    for k in range(2):
        nodes, edges = drawn.graph(2 + k)
        assert (again.graph(k)[0] == nodes).all()
        assert (again.graph(k)[1] == edges).all()


@pytest.mark.parametrize("solver", ["heun", "adams", "ancestral", "s4", "predictor_corrector"])
def test_every_solver_draws_from_an_energy(solver, graph_checkpoint):
    model, statistics = restore(
        checkpoint.load(graph_checkpoint(model={"kind": "energy", **SMALL}))
    )
    drawn = draw(model, statistics, 3, table=SampleTable(steps=3, solver=solver))
    assert len(drawn) == 3
    assert not any(p.requires_grad for p in model.parameters())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": "sheaves"}, "block = 'sheaves'"),
        ({"block": "sheaf", "maps": "round"}, "maps = 'round'"),
        ({"block": "sheaf", "stalk": 3}, "width 16 is no multiple of the stalk's 3"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message, graph_checkpoint):
    with pytest.raises(UsageError, match=message):
        graph_checkpoint(model={"kind": "transformer", **SMALL, **options})
