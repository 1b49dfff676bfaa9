"""Densities whose noised forms are known in closed form, on every manifold, for every process."""

import math
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from molgen.core.batch import Batch, DenseRows, PackedRows, Rows
from molgen.core.losses import corrupt
from molgen.core.manifolds import Centred, Euclidean, Symmetric, igso3, so3
from molgen.core.models import EnergyModel
from molgen.core.processes import VE, VP, Brownian, Linear, Process, SubVP, Trigonometric
from tests.core.enumerated import Enumerated


@dataclass(frozen=True)
class Gaussians:
    """Components N(mean_k, variance) on a flat manifold; means `[K, *one graph]`."""

    means: Tensor
    variance: Tensor  # broadcasts against one graph; anisotropic only on Euclidean

    def log_density(self, process: Process, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """log N(x; m mean_k, m^2 variance + s^2) of each component: `[K, graphs]`."""
        m, s = (rows.spread(value, x) for value in (process.signal(t), process.noise(t)))
        v = m.square() * self.variance + s.square()
        dim = process.manifold.dim(x, rows)
        log_v = dim * (2 * math.pi * v).log().flatten(1).mean(1)  # features take equal parts of it
        z = (x - m * self.means[:, None]) / v.sqrt()
        square = torch.stack([process.manifold.inner(zk, zk, rows) for zk in z])
        return -0.5 * (square + log_v)

    def spread(self) -> Tensor:
        """Variance of the data in each direction."""
        return self.variance

    def draw(self, process: Process, which: Tensor, rows: Rows, generator) -> Tensor:
        mean = self.means[which]
        return mean + self.variance.sqrt() * process.manifold.noise(mean, rows, generator)


@dataclass(frozen=True)
class Turns:
    """Components IGSO(3) of some width about rotations; means `[K, rows, 3, 3]`."""

    means: Tensor
    width: float

    def log_density(self, process: Process, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        found = []
        for mean in self.means:
            v = so3.log(mean.mT @ x)
            angle = v.square().sum(-1).clamp_min(1e-24).sqrt()
            sigma = rows.spread((process.noise(t).square() + self.width**2).sqrt(), angle)
            found.append(rows.total(igso3.log_density(angle, sigma.expand_as(angle))))
        return torch.stack(found)

    def spread(self) -> Tensor:
        """Variance of the data in each direction, where the width is small."""
        return torch.tensor(self.width**2, dtype=torch.float64)

    def draw(self, process: Process, which: Tensor, rows: Rows, generator) -> Tensor:
        mean = self.means[which]
        if self.width == 0:
            return mean
        time = process.time_of(torch.tensor(self.width, dtype=mean.dtype))
        return process.corrupt(mean, time.expand(len(which)), rows, generator).x_t


class Exact(EnergyModel):
    """-log q(x, t) of data that are a mixture of products over the fields."""

    def __init__(self, processes, fields, weights):
        super().__init__(processes)
        self.fields = fields
        self.weights = torch.tensor(weights, dtype=torch.float64)

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        parts = [
            field.log_density(self.processes[name], batch.state[name], t, batch.rows[name])
            for name, field in self.fields.items()
        ]
        return -torch.logsumexp(torch.stack(parts).sum(0) + self.weights.log()[:, None], dim=0)


@dataclass(frozen=True)
class Case:
    """A known density: its processes, its exact energy, and draws of it."""

    name: str
    processes: dict[str, Process]
    model: Exact
    axes: dict[str, tuple[int, ...]]

    def empty(self, graphs: int) -> Batch:
        """A batch of zeros (identities), to be filled by a prior."""
        state = {name: field.means[:1] * 0 for name, field in self.model.fields.items()}
        state = {name: value.expand(graphs, *value.shape[1:]) for name, value in state.items()}
        rows = {name: DenseRows(graphs, axes) for name, axes in self.axes.items()}
        return Batch(state, rows)

    def data(self, graphs: int, generator: torch.Generator) -> Batch:
        batch = self.empty(graphs)
        which = torch.multinomial(self.model.weights, graphs, replacement=True, generator=generator)
        state = {
            name: field.draw(self.processes[name], which, batch.rows[name], generator)
            for name, field in self.model.fields.items()
        }
        return batch.replace(**state)

    def noised(self, graphs: int, generator: torch.Generator, low: float = 1e-3):
        """Points of q_t at random times t between `low` and 1."""
        t = low + (1 - low) * torch.rand(graphs, generator=generator, dtype=torch.float64)
        batch, _, _ = corrupt(self.processes, self.data(graphs, generator), t, generator)
        return batch, t


def _normal(*shape: int, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _float(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _flat_field(manifold, components: int) -> tuple[Gaussians, tuple[int, ...]]:
    """A mean that is not zero; variances that differ where the manifold lets them."""
    if isinstance(manifold, Symmetric):
        rows = DenseRows(components, (4, 4))
        means = manifold.project(2 * _normal(components, 4, 4), rows)
        return Gaussians(means, _float(0.3)), (4, 4)
    rows = DenseRows(components, (4,))
    means = manifold.project(1.5 * _normal(components, 4, 2), rows)
    plain = not isinstance(manifold, Centred)
    return Gaussians(means, _float(0.3, 0.05) if plain else _float(0.3)), (4,)


def _rotations(components: int, width: float) -> tuple[Turns, tuple[int, ...]]:
    return Turns(so3.exp(_normal(components, 2, 3)), width), (2,)


# Wide enough for the prior of VE, centred on zero, to forget means of 3 to within 1 %.
WIDE = partial(VE, sigma_min=0.01, sigma_max=300.0)
FLAT = {"VP": VP, "VE": WIDE, "SubVP": SubVP, "Linear": Linear, "Trigonometric": Trigonometric}
SPACES = {"Euclidean": Euclidean, "Centred": Centred, "Symmetric": Symmetric}
CASES = [f"{p} {m}" for p in ("VP", "VE", "SubVP") for m in SPACES]
CASES += ["Linear Centred", "Trigonometric Symmetric", "Brownian SO3", "joint"]
BROWNIAN = Brownian(sigma_min=0.05)


def make_case(name: str, components: int) -> Case:
    weights = [0.7, 0.3][:components] if components > 1 else [1.0]
    if name == "joint":
        processes = {
            "pos": VP(manifold=Centred()),
            "adj": VP(manifold=Symmetric()),
            "rot": BROWNIAN,
        }
    elif name == "Brownian SO3":
        processes = {"rot": BROWNIAN}
    else:
        process, space = name.split()
        processes = {"x": FLAT[process](manifold=SPACES[space]())}
    fields, axes = {}, {}
    for key, process in processes.items():
        if isinstance(process, Brownian):
            fields[key], axes[key] = _rotations(components, 0.2)
        else:
            fields[key], axes[key] = _flat_field(process.manifold, components)
    return Case(name, processes, Exact(processes, fields, weights), axes)


@pytest.fixture(params=CASES)
def gaussian(request) -> Case:
    """One component: a Gaussian, or IGSO(3)."""
    return make_case(request.param, 1)


@pytest.fixture(params=CASES)
def mixture(request) -> Case:
    """Two components."""
    return make_case(request.param, 2)


@pytest.fixture
def joint() -> Case:
    """Positions, edges and rotations at once, one component."""
    return make_case("joint", 1)


@pytest.fixture(scope="session")
def case_of():
    """`case_of(name, components)`."""
    return make_case


def pack(batch: Batch, keep: dict[str, Tensor]) -> Batch:
    """A dense batch of row fields as a packed one, with the rows `keep[field]` `[graphs, N]`."""
    rows = {
        name: PackedRows(len(mask), mask.nonzero()[:, 0].contiguous())
        for name, mask in keep.items()
    }
    return Batch({name: batch.state[name][mask] for name, mask in keep.items()}, rows)


@pytest.fixture
def packed():
    """`packed(batch, keep)`."""
    return pack


class Scaled(nn.Module):
    """The exact score of a case times 1 + size, a number to learn."""

    def __init__(self, case):
        super().__init__()
        self.model = case.model
        self.size = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def score(self, batch, t):
        with torch.no_grad():
            exact = self.model.score(batch, t)
        return {name: (1 + self.size) * score for name, score in exact.items()}


@pytest.fixture
def scaled():
    """`scaled(case)`: a model of one parameter, its size."""
    return Scaled


@pytest.fixture(scope="session")
def enumerated() -> Enumerated:
    """Two dozen configurations of six rows of three types; eight of them begin with 0, 1, 2."""
    generator = torch.Generator().manual_seed(3)
    every = torch.cartesian_prod(*[torch.arange(3)] * 6)
    chosen = every[torch.randperm(len(every), generator=generator)[:24]]
    chosen[:8, :3] = torch.tensor([0, 1, 2])
    chosen = torch.unique(chosen, dim=0)
    weights = torch.rand(len(chosen), generator=generator, dtype=torch.float64).square() + 0.02
    return Enumerated(chosen, weights)
