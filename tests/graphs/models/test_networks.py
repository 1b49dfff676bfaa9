"""The symmetries of molgen's own network of graphs, whatever it is given to know."""

import pytest
import torch

from molgen.errors import UsageError
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.dense import rows_of
from molgen.graphs.models.networks import GraphShape, GraphTransformer
from molgen.graphs.statistics import Statistics

SMALL = {"width": 16, "pair_width": 8, "whole_width": 8, "layers": 2, "heads": 2, "triangles": 4}
STATISTICS = Statistics(
    (0.7, 0.2, 0.1), (0.6, 0.3, 0.1), (0, 0, 0, 0, 0, 0, 1), None, limits=(4, 2, 1)
)
KNOWING = [{}, {"connected": True}, {"bounded": True}, {"connected": True, "bounded": True}]


def network_of(awake=True, **knows):
    torch.manual_seed(0)
    network = GraphTransformer(STATISTICS, GraphShape(**SMALL, **knows)).double()
    for parameter in network.parameters() if awake else ():  # blocks start as the identity
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def alone(sizes, nodes):
    generator = torch.Generator().manual_seed(1)
    rows = rows_of(torch.tensor(sizes), nodes)
    x = torch.randn(len(sizes), nodes, 3, generator=generator, dtype=torch.float64)
    adj = torch.randn(len(sizes), nodes, nodes, 3, generator=generator, dtype=torch.float64)
    adj = 2 * (adj + adj.transpose(1, 2))
    return rows, {"x": x.log_softmax(-1), "adj": adj.log_softmax(-1)}


@pytest.mark.parametrize("knows", KNOWING)
def test_permuted_nodes_give_permuted_answers(knows):
    network = network_of(**knows)
    rows, log_p = alone([6], 6)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    answer = network(rows, log_p)
    moved = network(rows, {"x": log_p["x"][:, order], "adj": log_p["adj"][:, order][:, :, order]})
    torch.testing.assert_close(moved["x"], answer["x"][:, order])
    torch.testing.assert_close(moved["adj"], answer["adj"][:, order][:, :, order])


@pytest.mark.parametrize("knows", KNOWING)
def test_padding_changes_nothing(knows):
    network = network_of(**knows)
    rows, log_p = alone([6, 4], 6)
    answer = network(rows, log_p)
    small = {"x": log_p["x"][1:, :4], "adj": log_p["adj"][1:, :4, :4]}
    without = network(rows_of(torch.tensor([4]), 4), small)
    torch.testing.assert_close(without["x"], answer["x"][1:, :4])
    torch.testing.assert_close(without["adj"], answer["adj"][1:, :4, :4])


@pytest.mark.parametrize("knows", KNOWING)
def test_untrained_it_adds_nothing_to_what_rows_know_by_themselves(knows):
    answer = network_of(awake=False, **knows)(*alone([6, 4], 6))
    assert all((part == 0).all() for part in answer.values())


def test_every_gate_learns():
    network = network_of(awake=False, connected=True, bounded=True)
    answer = network(*alone([6, 5], 6))
    sum(part.square().sum() + part[..., 1].sum() for part in answer.values()).backward()
    for of, gates in ((0, 1), (1, 2)):
        assert (network.transformer.answer[of].out.weight.grad[-gates:].abs().sum(1) > 0).all()


def test_bounds_are_those_of_the_graphs():
    """A star of double edges, and a path: types sum to 4 at the middle, to 2 on the path."""
    star, path = torch.zeros(2, 3, 3, dtype=torch.int8).numpy()
    star[0, 1:] = star[1:, 0] = 2
    path[0, 1] = path[1, 0] = path[1, 2] = path[2, 1] = 1
    graphs = GraphSet.of(
        [(torch.tensor([1, 0, 0]).numpy(), star), (torch.tensor([0, 2, 2]).numpy(), path)], meta={}
    )
    found = Statistics.measure(graphs)
    assert found.limits == (2, 4, 2)
    assert Statistics.from_dict(found.to_dict()) == found


def test_bounds_that_were_not_measured_are_refused():
    unmeasured = Statistics((1.0,), (0.9, 0.1), (0, 0, 1), None)
    with pytest.raises(UsageError, match="no bounds"):
        GraphTransformer(unmeasured, GraphShape(**SMALL, bounded=True))
