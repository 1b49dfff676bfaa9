"""Against a distribution of small graphs that is summed over in full."""

import itertools
import math

import pytest
import torch
from torch import nn

from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import corrupt, fokker_planck
from molgen.core.manifolds import Euclidean, Symmetric
from molgen.core.models.categorical import CategoricalModel, Categories
from molgen.core.models.categorical_energy import CategoricalEnergy, IndependentEnergy
from molgen.core.processes import VE, VP, SubVP

NODES, EDGES = (0.5, 0.3, 0.2), (0.8, 0.2)
PAIRS = [(0, 1), (0, 2), (1, 2)]


def process(kind, manifold):
    wide = {"sigma_max": 50.0, "sigma_min": 0.05} if kind is VE else {"t_min": 0.03}
    return kind(manifold=manifold, **wide)


def parts(kind=VP):
    processes = {"x": process(kind, Euclidean()), "adj": process(kind, Symmetric())}
    encodings = {name: Categories(torch.tensor(f)).double() for name, f in FREQUENCIES.items()}
    return processes, encodings


FREQUENCIES = {"x": NODES, "adj": EDGES}


def everything():
    """All 216 labelled graphs of three nodes: `[216, 3]` and `[216, 3, 3]`."""
    found = list(itertools.product(*[range(3)] * 3, *[range(2)] * 3))
    nodes = torch.tensor(found)[:, :3]
    edges = torch.zeros(len(found), 3, 3, dtype=torch.int64)
    for k, (i, j) in enumerate(PAIRS):
        edges[:, i, j] = edges[:, j, i] = torch.tensor(found)[:, 3 + k]
    return nodes, edges


def encoded(encodings, nodes, edges):
    rows = {"x": DenseRows(len(nodes), (3,)), "adj": DenseRows(len(nodes), (3, 3))}
    apart = (1 - torch.eye(3, dtype=torch.float64))[..., None]
    state = {"x": encodings["x"].encode(nodes), "adj": encodings["adj"].encode(edges) * apart}
    return Batch(state, rows)


class Exact(nn.Module):
    """c(p) = log sum_G P(G) prod p(G) / pi, of graphs whose probabilities are known."""

    def __init__(self):
        super().__init__()
        self.nodes, self.edges = everything()
        bonds = torch.stack([self.edges[:, i, j] for i, j in PAIRS], 1)
        # types that attract each other, and as many edges as there are nodes of the first type
        same = torch.stack([self.nodes[:, i] == self.nodes[:, j] for i, j in PAIRS], 1)
        weight = torch.exp(1.5 * (bonds * same).sum(1) - (bonds.sum(1) - self.nodes.sum(1)) ** 2)
        self.log_P = (weight / weight.sum()).double().log()
        self.bonds = bonds
        logs = [torch.tensor(f, dtype=torch.float64).log() for f in (NODES, EDGES)]
        self.log_rho = self.log_P - logs[0][self.nodes].sum(1) - logs[1][bonds].sum(1)

    def forward(self, rows, alone):
        log_x = alone["x"][:, range(3), self.nodes].sum(-1)
        i, j = zip(*PAIRS, strict=True)
        log_adj = alone["adj"][:, i, j][:, range(3), self.bonds].sum(-1)
        return torch.logsumexp(log_x + log_adj + self.log_rho, 1)


class Nothing(nn.Module):
    def forward(self, rows, alone):
        return alone["x"].new_zeros(len(alone["x"]))


class Bent(nn.Module):
    """Something that is no solution; `size` 0 is c = 0."""

    def __init__(self, size):
        super().__init__()
        self.size = nn.Parameter(torch.tensor(size, dtype=torch.float64))

    def forward(self, rows, alone):
        return self.size * torch.sin(3 * alone["x"].exp()).flatten(1).sum(1)


def noised(encodings, processes, count, generator, low=0.05):
    exact = Exact()
    which = torch.multinomial(exact.log_P.exp(), count, replacement=True, generator=generator)
    t = low + (1 - low) * torch.rand(count, generator=generator, dtype=torch.float64)
    batch = encoded(encodings, exact.nodes[which], exact.edges[which])
    return corrupt(processes, batch, t, generator)[0], t


def mixture(batch, t, processes, encodings):
    """log q(x, adj, t) as the sum over all graphs of Gaussians about each: from the definition."""
    exact = Exact()
    corners = encoded(encodings, exact.nodes, exact.edges)
    total = exact.log_P
    for name, p in processes.items():
        m, s = p.signal(t), p.noise(t)
        shape = (-1, *(1,) * corners.state[name].ndim)
        away = batch.state[name][:, None] - m.reshape(shape) * corners.state[name]
        square = away.square().flatten(2).sum(2) * (0.5 if name == "adj" else 1.0)
        dim = 9 if name == "x" else 6
        total = total - square / (2 * s.square()[:, None])
        total = total - 0.5 * dim * torch.log(2 * math.pi * s.square())[:, None]
    return torch.logsumexp(total, 1)


@pytest.mark.parametrize("kind", [VP, VE, SubVP])
def test_energy_with_the_exact_part_of_rows_together_is_that_of_the_mixture(kind, generator):
    processes, encodings = parts(kind)
    model = CategoricalEnergy(processes, encodings, Exact())
    batch, t = noised(encodings, processes, 20, generator)
    expected = mixture(batch, t, processes, encodings)
    # frequencies are stored in single precision
    torch.testing.assert_close(model.energy(batch, t), -expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [VP, VE, SubVP])
@pytest.mark.parametrize("network", [Nothing, Exact])
def test_the_fokker_planck_equation_is_solved_exactly(kind, network, generator):
    processes, encodings = parts(kind)
    model = CategoricalEnergy(processes, encodings, network())
    batch, t = noised(encodings, processes, 20, generator)
    with torch.no_grad():
        found = fokker_planck.residual(model, batch, t)
    assert found.abs().max() < 1e-8


def test_what_is_bent_in_the_probabilities_of_a_row_is_a_residual(generator):
    processes, encodings = parts()
    batch, t = noised(encodings, processes, 20, generator)
    sizes = []
    for size in (1e-4, 1e-3):
        model = CategoricalEnergy(processes, encodings, Bent(size))
        with torch.no_grad():
            sizes.append(fokker_planck.residual(model, batch, t).square().mean().sqrt().item())
    assert sizes[0] > 1e-7
    assert math.isclose(sizes[1] / sizes[0], 10, rel_tol=1e-2)


def test_the_residual_of_a_model_is_that_of_its_c_alone(generator):
    """R = g^2/2 e^-c trace(J^T (d^2 e^c / dp^2) J), by automatic differentiation of e^c."""
    processes, encodings = parts()
    network = Bent(0.7)
    model = CategoricalEnergy(processes, encodings, network)
    batch, t = noised(encodings, processes, 4, generator, low=0.2)
    with torch.no_grad():
        found = fokker_planck.residual(model, batch, t)
        found = found * fokker_planck.natural_scale(processes, batch, t)
    base = model.base
    for k in range(4):
        one = batch.take(torch.tensor([k]))

        def chances(x, one=one, k=k):
            return base.with_chances(one.replace(x=x), t[k : k + 1])[1]["x"].exp()

        def exp_c(p, one=one):
            return network(one.rows, {"x": p.log()}).exp()[0]

        x = one.state["x"]
        p = chances(x)
        J = torch.autograd.functional.jacobian(chances, x).reshape(9, 9)
        hessian = torch.autograd.functional.hessian(exp_c, p).reshape(9, 9)
        half_g2 = 0.5 * processes["x"].diffusion(t[k]).square()
        expected = half_g2 * torch.trace(J.mT @ hessian @ J) / exp_c(p)
        torch.testing.assert_close(found[k], expected.detach(), rtol=1e-6, atol=1e-9)


def test_rows_by_themselves_have_the_score_of_a_categorical_model_without_a_network(generator):
    class Zero(nn.Module):
        def forward(self, rows, alone):
            return {name: torch.zeros_like(value) for name, value in alone.items()}

    processes, encodings = parts()
    batch, t = noised(encodings, processes, 20, generator)
    found = CategoricalEnergy(processes, encodings, Nothing()).score(batch, t)
    expected = CategoricalModel(processes, encodings, Zero()).score(batch, t)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-6, atol=1e-6)


def test_the_density_of_rows_by_themselves_integrates_to_one():
    """Two nodes of two kinds and their edge: six dimensions, by importance sampling."""
    processes = {"x": VP(manifold=Euclidean()), "adj": VP(manifold=Symmetric())}
    encodings = {name: Categories(torch.tensor([0.7, 0.3])).double() for name in processes}
    model = IndependentEnergy(processes, encodings)
    n, generator = 100_000, torch.Generator().manual_seed(0)
    rows = {"x": DenseRows(n, (2,)), "adj": DenseRows(n, (2, 2))}
    t = torch.full((n,), 0.3, dtype=torch.float64)
    state, log_w, width = {}, torch.zeros(n, dtype=torch.float64), 1.2
    for name, p in processes.items():
        like = torch.zeros(n, *rows[name].axes, 2, dtype=torch.float64)
        z = p.manifold.noise(like, rows[name], generator)
        state[name] = width * z
        dim = p.manifold.dim(like, rows[name])
        log_w = log_w - 0.5 * p.manifold.inner(z, z, rows[name])
        log_w = log_w - 0.5 * dim * math.log(2 * math.pi * width**2)
    ratio = torch.exp(-model.energy(Batch(state, rows), t) - log_w)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / math.sqrt(n)
    assert ratio.std() / math.sqrt(n) < 0.02


def test_energies_without_noise_are_those_of_the_graphs_themselves(generator):
    processes, encodings = parts()
    model = CategoricalEnergy(processes, encodings, Exact())
    exact = model.network
    batch = encoded(encodings, exact.nodes, exact.edges)
    torch.testing.assert_close(model.clean_energy(batch), -exact.log_P, rtol=1e-6, atol=1e-6)
    # and the limit of the energy of noised ones, less that of the noise
    t = torch.full((216,), 0.002, dtype=torch.float64)
    s = processes["x"].noise(t)
    m = processes["x"].signal(t)
    still = batch.replace(
        **{name: x * m.reshape(-1, *(1,) * (x.ndim - 1)) for name, x in batch.state.items()}
    )
    volume = 7.5 * torch.log(2 * math.pi * s.square())
    torch.testing.assert_close(model.energy(still, t) - volume, -exact.log_P, rtol=1e-6, atol=1e-6)


def test_classes_are_the_nearest_corners_of_the_denoised_mean(generator):
    processes, encodings = parts()
    model = CategoricalEnergy(processes, encodings, Exact())
    batch, t = noised(encodings, processes, 200, generator)
    exact = model.network
    alone = model.base.with_chances(batch, t)[1]
    joint = exact.log_rho + alone["x"][:, range(3), exact.nodes].sum(-1)
    i, j = zip(*PAIRS, strict=True)
    joint = joint + alone["adj"][:, i, j][:, range(3), exact.bonds].sum(-1)
    posterior = joint.softmax(1)
    corners = encoded(encodings, exact.nodes, exact.edges)
    found = model.classes(batch, t)
    for name, wanted in (("x", "bkn"), ("adj", "bijn")):
        mean = torch.einsum(
            f"bg,{wanted.replace('b', 'g')}->{wanted}", posterior, corners.state[name]
        )
        right = encodings[name].decode(mean)
        apart = torch.ones_like(right) if name == "x" else 1 - torch.eye(3, dtype=torch.int64)
        assert torch.equal(found[name] * apart, right * apart)
