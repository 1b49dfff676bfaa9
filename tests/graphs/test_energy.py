"""Invariances of the learned energy, and ranking against probabilities that are known."""

import math

import numpy as np
import pytest
import torch

from molgen.core.batch import Batch
from molgen.core.losses import corrupt, fokker_planck
from molgen.core.manifolds import Euclidean, Symmetric
from molgen.core.models.categorical import CategoricalModel, Categories
from molgen.core.models.categorical_energy import CategoricalEnergy
from molgen.core.processes import VP
from molgen.errors import UsageError
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.dense import Bucket, as_batch, padded, rows_of
from molgen.graphs.energy import bounds, energies, least
from molgen.graphs.models.networks import GraphEnergy
from molgen.graphs.models.statistics import Statistics
from molgen.nn.node_pair_transformer import Shape

STATISTICS = Statistics((0.5, 0.3, 0.2), (0.7, 0.2, 0.1), (0, 1, 2, 4, 2, 1), None)
SMALL = Shape(width=16, pair_width=8, whole_width=8, layers=2, heads=2, triangles=4)


def energy_model(network=None):
    processes = {
        "x": VP(manifold=Euclidean(), t_min=0.03),
        "adj": VP(manifold=Symmetric(), t_min=0.03),
    }
    encodings = {
        "x": Categories(torch.tensor(STATISTICS.nodes)),
        "adj": Categories(torch.tensor(STATISTICS.edges)),
    }
    return CategoricalEnergy(processes, encodings, network or learned()).double()


def learned():
    torch.manual_seed(0)
    network = GraphEnergy(STATISTICS, SMALL)
    for parameter in network.parameters():  # blocks start as the identity: wake them
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def graphs(sizes, seed=0):
    random = np.random.default_rng(seed)
    made = []
    for n in sizes:
        upper = np.triu(random.integers(0, 3, (n, n)), 1)
        made.append((random.integers(0, 3, n), upper + upper.T))
    return GraphSet.of(made)


def noised(model, sizes, low=0.05):
    generator = torch.Generator().manual_seed(1)
    clean = as_batch(padded(graphs(sizes)), model.encodings)
    t = low + (1 - low) * torch.rand(len(sizes), generator=generator, dtype=torch.float64)
    return corrupt(model.processes, clean, t, generator)[0], t


def test_the_energy_is_invariant_and_its_score_moves_with_the_nodes():
    model = energy_model()
    batch, t = noised(model, [5, 5])
    order = torch.tensor([3, 0, 4, 1, 2])
    x, adj = batch.state["x"], batch.state["adj"]
    moved = batch.replace(x=x[:, order], adj=adj[:, order][:, :, order])
    torch.testing.assert_close(model.energy(moved, t), model.energy(batch, t))
    score, other = model.score(batch, t), model.score(moved, t)
    torch.testing.assert_close(other["x"], score["x"][:, order])
    torch.testing.assert_close(other["adj"], score["adj"][:, order][:, :, order])
    torch.testing.assert_close(score["adj"], score["adj"].transpose(1, 2))


def test_padding_changes_neither_energy_nor_score_and_has_none():
    model = energy_model()
    batch, t = noised(model, [3, 5])
    at = model.evaluate(batch, t, rate=True)
    small = Batch(
        {"x": batch.state["x"][:1, :3], "adj": batch.state["adj"][:1, :3, :3]},
        rows_of(torch.tensor([3]), 3),
    )
    alone = model.evaluate(small, t[:1], rate=True)
    torch.testing.assert_close(alone.energy, at.energy[:1])
    torch.testing.assert_close(alone.rate, at.rate[:1])
    torch.testing.assert_close(alone.score["x"], at.score["x"][:1, :3])
    torch.testing.assert_close(alone.score["adj"], at.score["adj"][:1, :3, :3])
    assert not at.score["x"][0, 3:].any()
    assert not at.score["adj"][0, 3:].any()


def test_what_is_learned_vanishes_at_the_prior_for_every_size():
    model = energy_model()
    batch, _ = noised(model, [1, 2, 3, 4, 5])
    unknown = {
        name: model.encodings[name].log_pi.double().expand(x.shape)
        for name, x in batch.state.items()
    }
    left = model.network(batch.rows, unknown)
    # frequencies and their logarithms are rounded to single precision
    torch.testing.assert_close(left, torch.zeros_like(left), atol=1e-5, rtol=0)
    certain = model.network(batch.rows, model.base.with_chances(batch, torch.full((5,), 0.1))[1])
    assert certain.abs().min() > 1e-2


def test_a_network_that_was_never_trained_leaves_the_rows_to_themselves():
    """Its last maps start at zero: the score is that of the categorical model's zero network."""

    class Zero(torch.nn.Module):
        def forward(self, rows, alone):
            return {name: torch.zeros_like(value) for name, value in alone.items()}

    model = energy_model(GraphEnergy(STATISTICS, SMALL))
    batch, t = noised(model, [4, 5])
    found = model.score(batch, t)
    expected = CategoricalModel(model.processes, model.encodings, Zero()).score(batch, t)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-5)


def test_a_learned_energy_does_not_obey_the_fokker_planck_equation_by_itself():
    """But its residual is differentiable by its weights: what the loss needs."""
    model = energy_model()
    batch, t = noised(model, [3, 3])
    found = fokker_planck.residual(model, batch, t)
    assert found.abs().min() > 1e-4
    found.square().sum().backward()
    # the outermost: of nodes, pairs and the whole
    for answer in model.network.transformer.answer:
        assert answer.out.weight.grad.abs().max() > 0


class Bonded(torch.nn.Module):
    """c = sum over pairs of log(1 + a [p(bond) - pi(bond)]): exact, of pairs by themselves."""

    def __init__(self, strength):
        super().__init__()
        self.strength = torch.nn.Parameter(torch.tensor(strength))

    def forward(self, rows, alone):
        n = alone["adj"].shape[1]
        upper = torch.ones(n, n).triu(1) * rows["adj"].mask
        bond = alone["adj"][..., 1].exp() - STATISTICS.edges[1]
        return (torch.log1p(self.strength * bond) * upper).sum((1, 2))


def test_energies_are_minus_the_logarithm_of_known_probabilities():
    strength = 1.5
    model = energy_model(Bonded(strength))
    drawn = graphs([3, 4, 2, 4, 5, 3])
    found = energies(model, STATISTICS, drawn, batch_size=4)
    rho = 1 + strength * (np.array([0, 1, 0]) - STATISTICS.edges[1])
    chance = np.array(STATISTICS.edges) * rho  # of each type of pair
    assert chance.sum() == pytest.approx(1)
    for k, n in enumerate(drawn.sizes.tolist()):
        nodes, edges = drawn.graph(k)
        labelled = np.log(np.array(STATISTICS.nodes)[nodes]).sum()
        labelled += np.log(chance[edges[np.triu_indices(n, 1)]]).sum()
        expected = -labelled - math.log(STATISTICS.sizes[n] / 10) - math.log(math.factorial(n))
        assert found[k] == pytest.approx(expected, rel=1e-6)


def test_scores_of_the_same_model_bound_energies_and_on_average_reach_them():
    """Pairs drawn from the probabilities of the model itself: its score is then the true one."""
    random, rho = np.random.default_rng(0), 1 + 1.5 * (np.array([0, 1, 0]) - STATISTICS.edges[1])
    model, made = energy_model(Bonded(1.5)), []
    for _ in range(400):
        upper = np.triu(random.choice(3, (3, 3), p=np.array(STATISTICS.edges) * rho), 1)
        made.append((random.choice(3, 3, p=STATISTICS.nodes), upper + upper.T))
    drawn = GraphSet.of(made)
    difference = bounds(model, STATISTICS, drawn) - energies(model, STATISTICS, drawn)
    error = difference.std() / math.sqrt(400)
    assert abs(difference.mean()) < 4 * error
    assert error < 0.1  # of 4 nats


def test_ranking_keeps_the_likeliest_graphs_of_each_size():
    model = energy_model(Bonded(1.5))
    drawn = graphs([4, 3] * 10, seed=3)
    energy = energies(model, STATISTICS, drawn)
    kept = least(drawn, energy, 6)
    assert kept.tolist() == sorted(kept.tolist())
    for size in (3, 4):
        same = drawn.sizes[kept] == size
        assert same.sum() == 3
        lost = np.setdiff1d(np.flatnonzero(drawn.sizes == size), kept)
        assert energy[kept[same]].max() <= energy[lost].min()
    assert least(drawn, energy, 20).tolist() == list(range(20))


def test_what_cannot_be_ranked_is_refused():
    model = energy_model(Bonded(1.5))
    with pytest.raises(UsageError, match="this model has none"):
        energies(torch.nn.Linear(1, 1), STATISTICS, graphs([2]))
    with pytest.raises(UsageError, match="never saw a graph of 6 nodes"):
        energies(model, STATISTICS, graphs([6]))
    odd = GraphSet.of([(np.array([0, 4]), np.zeros((2, 2), int))])
    with pytest.raises(UsageError, match="nodes of type 4"):
        energies(model, STATISTICS, odd)


def test_single_nodes_have_an_energy_too():
    model = energy_model()
    batch = as_batch(
        Bucket(torch.ones(2, dtype=torch.int64), torch.tensor([[0], [2]]), torch.zeros(2, 1, 1)),
        model.encodings,
    )
    energy = model.energy(batch, torch.tensor([0.1, 1.0], dtype=torch.float64))
    assert torch.isfinite(energy).all()
