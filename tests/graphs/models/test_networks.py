"""The symmetries of molgen's own network of graphs, whatever it is given to know."""

import pytest
import torch

from molgen import checkpoint
from molgen.chem.vocabulary import AROMATIC_BONDS, AtomType, Vocabulary
from molgen.config import Recipe
from molgen.errors import UsageError
from molgen.graphs.dense import rows_of
from molgen.graphs.models.networks import GraphShape, GraphTransformer
from molgen.graphs.models.rings import CLASSES
from molgen.graphs.models.statistics import Statistics
from tests.graphs.conftest import TABLES

SMALL = {"width": 16, "pair_width": 8, "whole_width": 8, "layers": 2, "heads": 2, "triangles": 4}
STATISTICS = Statistics(
    (0.7, 0.2, 0.1), (0.6, 0.3, 0.1), (0, 0, 0, 0, 0, 0, 1), None, limits=(4, 2, 1)
)
ALL = {"connected": True, "bounded": True, "rings": True, "walks": 3}
KNOWING = [{}, *({name: ALL[name]} for name in ALL), {"connected": True, "bounded": True}, ALL]


def told(statistics=STATISTICS, **knows):
    return GraphTransformer(statistics, GraphShape(**SMALL, **knows))


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


@pytest.mark.parametrize("size", [4, 1])
@pytest.mark.parametrize("knows", KNOWING)
def test_padding_changes_nothing(size, knows):
    network = network_of(**knows)
    rows, log_p = alone([6, size], 6)
    answer = network(rows, log_p)
    small = {"x": log_p["x"][1:, :size], "adj": log_p["adj"][1:, :size, :size]}
    without = network(rows_of(torch.tensor([size]), size), small)
    torch.testing.assert_close(without["x"], answer["x"][1:, :size])
    torch.testing.assert_close(without["adj"], answer["adj"][1:, :size, :size])


def test_single_precision_is_enough_where_nothing_is_in_doubt():
    network = network_of(**ALL)
    rows, log_p = alone([6, 4], 6)
    sure = {name: (40 * part).log_softmax(-1) for name, part in log_p.items()}
    answer = network(rows, sure)
    network.float()
    single = network(rows, {name: part.float() for name, part in sure.items()})
    for name, part in single.items():
        assert (part - answer[name]).abs().max() < 1e-3 * answer[name].abs().max()


@pytest.mark.parametrize("knows", KNOWING)
def test_untrained_it_adds_nothing_to_what_rows_know_by_themselves(knows):
    answer = network_of(awake=False, **knows)(*alone([6, 4], 6))
    assert all((part == 0).all() for part in answer.values())


@pytest.mark.parametrize("knows", KNOWING)
def test_answers_have_finite_slopes_in_what_rows_say(knows):
    """Guidance needs them: where nothing leads from a node to another, and of padding, too."""
    network = network_of(**knows)
    rows, log_p = alone([6, 4], 6)
    log_p["adj"][..., 0] += 60
    told = {name: part.log_softmax(-1).requires_grad_() for name, part in log_p.items()}
    sum(part.square().sum() for part in network(rows, told).values()).backward()
    assert all(part.grad.isfinite().all() for part in told.values())


def test_every_gate_learns():
    network = network_of(awake=False, **ALL)
    rows, log_p = alone([6, 5], 6)
    log_p["adj"][..., 0] += 4  # where every pair may be one, there is a way of two edges
    answer = network(rows, {name: part.log_softmax(-1) for name, part in log_p.items()})
    sum(part.square().sum() + part[..., 1].sum() for part in answer.values()).backward()
    for of, gates in ((0, 1), (1, 2 + CLASSES)):
        learns = network.transformer.answer[of].out.weight.grad[-gates:].abs().sum(1) > 0
        assert learns[: 2 + 4].all()  # six nodes have no ring of seven and more


def test_bounds_that_cannot_be_known_are_refused():
    unmeasured = Statistics((1.0,), (0.9, 0.1), (0, 0, 1), None)
    with pytest.raises(UsageError, match="no bounds"):
        told(unmeasured, bounded=True)
    vocabulary = Vocabulary((AtomType("C", 0),), AROMATIC_BONDS)
    aromatic = Statistics((1.0,), (0.2,) * 5, (0, 0, 1), vocabulary, limits=(4,))
    with pytest.raises(UsageError, match="aromatic bonds have no order"):
        told(aromatic, bounded=True)


def saved(folder, network):
    recipe = Recipe.parse(TABLES, "tiny.toml")
    checkpoint.save(folder, recipe, network.state_dict(), {"statistics": {}, "data": {}})
    return checkpoint.load(folder)


LESS = [*(({}, knows) for knows in KNOWING[1:]), ({"bounded": True}, ALL), (KNOWING[-2], ALL)]


@pytest.mark.parametrize(("knew", "knows"), LESS)
def test_a_network_that_is_told_more_begins_as_the_one_before(knew, knows, tmp_path):
    before, after = network_of(**knew).float(), told(**knows)
    saved(tmp_path / "a", before).load_into(after, widened=True)
    rows, log_p = alone([6, 4], 6)
    single = {name: part.float() for name, part in log_p.items()}
    for name, part in after(rows, single).items():
        torch.testing.assert_close(part, before(rows, single)[name])


def test_gates_do_not_change_their_meaning(tmp_path):
    found = saved(tmp_path / "a", told(connected=True))
    for more in ({"connected": True, "bounded": True}, ALL):
        with pytest.raises(UsageError, match="answer"):
            found.load_into(told(**more), widened=True)


def test_weights_of_other_types_are_refused(tmp_path):
    more = Statistics((0.5, 0.2, 0.1, 0.1, 0.1), STATISTICS.edges, STATISTICS.sizes, None)
    with pytest.raises(UsageError, match="is "):
        saved(tmp_path / "a", told()).load_into(told(more, connected=True), widened=True)
