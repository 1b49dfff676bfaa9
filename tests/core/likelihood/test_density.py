import math

import pytest
import torch
from torch import nn

from molgen.core import grids
from molgen.core.batch import Batch, DenseRows
from molgen.core.likelihood.density import draw, encode, noised
from molgen.core.manifolds import Centred, Euclidean, Symmetric, igso3, so3
from molgen.core.processes import VE, VP, Brownian, SubVP
from molgen.core.random import Streams
from molgen.errors import MolgenError, UsageError

SPACES = {"Euclidean": (Euclidean, (4,), (2,)), "Centred": (Centred, (4,), (3,))}
SPACES["Symmetric"] = (Symmetric, (4, 4), ())


def times_of(processes, steps):
    return grids.karras(next(iter(processes.values())), steps)


def evenly(process, steps):
    """Times even in the logarithm of the noise, where Simpson's rule is at its best."""
    t = torch.tensor([1.0, process.t_min], dtype=torch.float64)
    low, high = (process.noise(t) / process.signal(t)).log()
    times = process.time_of(torch.linspace(low, high, steps + 1, dtype=torch.float64).exp())
    times[0], times[-1] = 1.0, process.t_min
    return times


def prior_density(processes, batch):
    one = torch.ones(batch.graphs, dtype=torch.float64)
    return -sum(p.base_energy(batch.state[n], one, batch.rows[n]) for n, p in processes.items())


class Gaussian:
    """The score of N(mean, variance) on a flat manifold, about a mean that is not zero."""

    def __init__(self, process, mean, variance, rows):
        self.process, self.mean, self.variance, self.rows = process, mean, variance, rows

    def score(self, batch, t):
        x, rows = batch.state["x"], batch.rows["x"]
        m, v = (rows.spread(value, x) for value in self._moments(t))
        return {"x": (m * self.mean - x) / v}

    def _moments(self, t):
        m = self.process.signal(t)
        return m, m.square() * self.variance + self.process.noise(t).square()

    def log_density(self, x, time):
        m, v = self._moments(torch.full((len(x),), time, dtype=torch.float64))
        z = x - self.rows.spread(m, x) * self.mean
        square = self.process.manifold.inner(z, z, self.rows) / v
        dim = self.process.manifold.dim(x, self.rows)
        return -0.5 * (square + dim * torch.log(2 * math.pi * v))


@pytest.mark.parametrize("process", [VP, VE, SubVP])
@pytest.mark.parametrize("space", SPACES)
def test_gaussians_to_a_millionth(process, space, generator):
    """Off the centre and of less than its variance, so that the closed-form part does not do."""
    manifold, axes, features = SPACES[space]
    process, rows = process(manifold=manifold(), t_min=0.01), DenseRows(5, axes)
    draw_normal = torch.randn(5, *axes, *features, generator=generator, dtype=torch.float64)
    x = process.manifold.project(draw_normal, rows)
    model = Gaussian(process, 0.3 * x[:1], 0.7, rows)
    batch = Batch({"x": x}, {"x": rows})
    found = encode({"x": process}, model.score, batch, evenly(process, 32))
    # the prior forgets the mean only nearly, so what is compared is the change along the path
    change = found.log_q - prior_density({"x": process}, found.batch)
    end = model.log_density(found.batch.state["x"], 1.0)
    exact = model.log_density(x, process.t_min) - end
    assert (change - exact).abs().max() < 1e-6
    assert found.error.max() == 0


def test_a_gaussian_as_wide_as_the_data_is_exact_in_one_step(generator):
    process, rows = VE(manifold=Centred(), data_std=0.7), DenseRows(3, (4,))
    x = process.manifold.noise(torch.zeros(3, 4, 3, dtype=torch.float64), rows, generator)
    model = Gaussian(process, torch.zeros(1, 1, 1, dtype=torch.float64), 0.49, rows)
    batch = Batch({"x": x}, {"x": rows})
    found = encode({"x": process}, model.score, batch, times_of({0: process}, 1))
    assert (found.log_q - model.log_density(x, process.t_min)).abs().max() < 1e-12


class Mixture:
    """The score of two clusters, each a Gaussian of positions and an IGSO(3) of a rotation."""

    def __init__(self, generator, processes):
        self.processes = processes
        means = torch.randn(2, 1, 3, 2, generator=generator, dtype=torch.float64)
        self.means = means - means.mean(2, keepdim=True)
        turns = 0.7 * torch.randn(2, 1, 1, 3, generator=generator, dtype=torch.float64)
        self.turns = so3.exp(turns)
        self.weights = torch.tensor([0.7, 0.3], dtype=torch.float64)

    def parts(self, batch, t):
        """Of each cluster the log density `[2, graphs]`, and its scores."""
        density, scores = self.weights.log()[:, None], {}
        if "pos" in self.processes:
            process, x = self.processes["pos"], batch.state["pos"]
            m, v = process.signal(t), process.signal(t).square() * 0.3 + process.noise(t).square()
            z = m[:, None, None] * self.means - x
            density = density - 0.5 * z.square().sum((-2, -1)) / v - 2 * torch.log(2 * math.pi * v)
            scores["pos"] = z / v[:, None, None]
        if "rot" in self.processes:
            v = so3.log(self.turns.mT @ batch.state["rot"])
            sigma = (
                (self.processes["rot"].noise(t).square() + 0.3**2)
                .sqrt()[:, None]
                .expand(v.shape[:-1])
            )
            angle = v.square().sum(-1).clamp_min(1e-24).sqrt()
            density = density + igso3.log_density(angle, sigma).sum(-1)
            scores["rot"] = igso3.score(v, sigma)
        return density, scores

    def log_density(self, batch, time):
        return self.parts(batch, torch.full((batch.graphs,), time, dtype=torch.float64))[
            0
        ].logsumexp(0)

    def score(self, batch, t):
        density, scores = self.parts(batch, t)
        share = density.softmax(0)[..., None, None]
        return {name: (share * score).sum(0) for name, score in scores.items()}

    def data(self, graphs, generator):
        which = torch.multinomial(self.weights, graphs, replacement=True, generator=generator)
        shapes = {"pos": (graphs, 3, 2), "rot": (graphs, 1, 3, 3)}
        rows = {name: DenseRows(graphs, shapes[name][1:2]) for name in self.processes}
        state = {}
        for name, process in self.processes.items():
            mean = (self.means if name == "pos" else self.turns)[which, 0]
            if name == "pos":
                v = 0.3**0.5 * process.manifold.noise(mean, rows[name], generator)
                state[name] = process.manifold.exp(mean, v, rows[name])
            else:
                t = process.time_of(torch.full((graphs,), 0.3, dtype=torch.float64))
                state[name] = process.corrupt(mean, t, rows[name], generator).x_t
        return noised(self.processes, Batch(state, rows), generator)


FIELDS = {"pos": VP(manifold=Centred(), t_min=1e-3), "rot": Brownian(sigma_min=0.05)}


def error_of(mixture, steps, generator, graphs=16):
    """Of log q at draws of the data, against the closed form: `[graphs]`."""
    batch = mixture.data(graphs, generator)
    found = encode(mixture.processes, mixture.score, batch, times_of(mixture.processes, steps))
    prior = prior_density(mixture.processes, found.batch)
    start = mixture.log_density(batch, next(iter(mixture.processes.values())).t_min)
    exact = start - mixture.log_density(found.batch, 1.0)
    return (found.log_q - prior - exact).abs()


@pytest.mark.parametrize("fields", [["pos"], ["rot"], ["pos", "rot"]], ids="+".join)
def test_mixtures_against_the_closed_form(fields, generator):
    """The median: where the flow parts between clusters, or at half a turn, it is rougher."""
    mixture = Mixture(generator, {name: FIELDS[name] for name in fields})
    assert error_of(mixture, 24, generator).median() < 1e-3


def test_the_error_falls_with_the_fourth_power_of_the_steps(generator):
    """On the rotations, where the steps are not those of flat space."""
    mixture = Mixture(generator, {"rot": FIELDS["rot"]})
    coarse, fine = (
        error_of(mixture, steps, torch.Generator().manual_seed(1)).median() for steps in (8, 16)
    )
    assert math.log2(coarse / fine) > 3.5


def test_the_steps_own_error_is_told(generator):
    """It falls as the true one does; and a kink, which no steps resolve, stands out."""
    mixture = Mixture(generator, {"pos": FIELDS["pos"]})
    batch = mixture.data(16, generator)
    coarse, fine = (
        encode(mixture.processes, mixture.score, batch, times_of(FIELDS, steps)).step_error.median()
        for steps in (12, 24)
    )
    assert math.log2(coarse / fine) > 3
    process, rows = VE(sigma_max=30.0), DenseRows(1, (1,))
    x = torch.tensor([[[0.05, -0.03, 0.02]]], dtype=torch.float64)

    def kinked(batch, t):
        x = batch.state["x"]
        away = x / torch.sqrt(x.square().sum(-1, keepdim=True) + 1e-8)
        return {"x": process.base_score(x, t, rows) + away / rows.spread(process.noise(t), x)}

    found = encode({"x": process}, kinked, Batch({"x": x}, {"x": rows}), times_of({0: process}, 24))
    assert found.step_error.item() > 0.5


def test_uniform_rotations_have_one_over_the_volume(generator):
    process, rows = Brownian(), DenseRows(3, (2,))
    rot = so3.uniform(torch.zeros(3, 2, 3, 3, dtype=torch.float64), generator)
    found = encode(
        {"rot": process},
        lambda batch, t: {"rot": torch.zeros_like(batch.state["rot"][..., 0])},
        Batch({"rot": rot}, {"rot": rows}),
        times_of({0: process}, 3),
    )
    assert (found.log_q + 2 * math.log(igso3.VOLUME)).abs().max() < 1e-12


class Curled(nn.Module):
    """A score of no density: that of the prior, and a network that is no gradient."""

    def __init__(self, process, dims):
        super().__init__()
        self.process = process
        hidden = nn.Linear(dims + 1, 16), nn.Tanh(), nn.Linear(16, dims)
        self.network = nn.Sequential(*hidden).double()

    def score(self, batch, t):
        x, rows = batch.state["x"], batch.rows["x"]
        level = rows.spread(self.process.noise(t), x)
        left = self.network(torch.cat([x, level.expand_as(x[..., :1])], -1))
        return {"x": self.process.base_score(x, t, rows) + 0.5 * left / level}


@pytest.mark.parametrize(("dims", "points"), [(1, 200), (2, 40)])
def test_any_score_has_a_normalised_density(dims, points):
    """By the trapezoidal rule, which is exact to rounding for what is smooth and ends at zero."""
    torch.manual_seed(0)
    process = VP(t_min=0.1)
    model = Curled(process, dims).requires_grad_(False)
    line = torch.linspace(-6, 6, points, dtype=torch.float64)
    x = torch.cartesian_prod(*[line] * dims).reshape(-1, 1, dims)
    batch = Batch({"x": x}, {"x": DenseRows(len(x), (1,))})
    found = encode({"x": process}, model.score, batch, times_of({0: process}, 20))
    whole = found.log_q.exp().sum() * (line[1] - line[0]) ** dims
    assert abs(whole - 1) < 1e-4


def test_a_draw_knows_its_own_density(generator):
    """Encoded again, it is as likely; and it is the same whatever is drawn with it."""
    mixture = Mixture(generator, FIELDS)
    times, shapes = times_of(FIELDS, 16), mixture.data(4, generator)
    drawn = draw(FIELDS, mixture.score, shapes, times, generator=Streams.of(0, 0, 4))
    back = encode(FIELDS, mixture.score, drawn.batch, times)
    assert (drawn.log_q - back.log_q).abs().median() < 1e-3
    last = shapes.take(torch.tensor([3]))
    alone = draw(FIELDS, mixture.score, last, times, generator=Streams.of(0, 3, 1))
    assert (alone.log_q - drawn.log_q[3]).abs().max() < 1e-9


def test_probes_agree_with_the_frame_within_their_error(generator):
    mixture = Mixture(generator, FIELDS)
    batch, times = mixture.data(20, generator), times_of(FIELDS, 6)
    exact = encode(FIELDS, mixture.score, batch, times, probes=0)
    found = encode(FIELDS, mixture.score, batch, times, probes=24, generator=generator)
    z = (found.log_q - exact.log_q) / found.error
    # Student's t of 23 degrees of freedom: standard deviation 1.05, of 20 values to within 0.17
    assert 0.6 < z.square().mean().sqrt() < 1.6
    assert found.error.max() < 3


def test_padding_changes_nothing(generator):
    torch.manual_seed(0)
    process = VP(t_min=0.1)
    model = Curled(process, 2).requires_grad_(False)
    x = torch.randn(3, 2, 2, generator=generator, dtype=torch.float64)
    wide = torch.cat([x, torch.zeros_like(x)], 1)
    mask = torch.tensor([True, True, False, False]).expand(3, 4)
    small = Batch({"x": x}, {"x": DenseRows(3, (2,))})
    padded = Batch({"x": wide}, {"x": DenseRows(3, (4,), mask)})

    def score(batch, t):
        return {"x": batch.rows["x"].zero(model.score(batch, t)["x"])}

    found = [
        encode({"x": process}, score, batch, times_of({0: process}, 5)).log_q
        for batch in (small, padded)
    ]
    assert (found[0] - found[1]).abs().max() < 1e-10


def test_what_cannot_be_done_is_said():
    process = VP()
    batch = Batch({"x": torch.ones(2, 1, 1)}, {"x": DenseRows(2, (1,))})

    def broken(batch, t):
        return {"x": batch.state["x"] * math.nan}

    def plain(batch, t):
        return {"x": -batch.state["x"]}

    with pytest.raises(UsageError, match="two or more"):
        encode({"x": process}, plain, batch, times_of({0: process}, 2), probes=1)
    with pytest.raises(MolgenError, match="decrease from 1"):
        encode({"x": process}, plain, batch, torch.tensor([0.5, 0.1]))
    with pytest.raises(MolgenError, match=r"field 'x'.*not finite"):
        encode({"x": process}, broken, batch, times_of({0: process}, 2))
