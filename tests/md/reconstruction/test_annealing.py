"""Free energies along paths of Langevin steps, against quadrature, whatever the timestep."""

import math

import numpy as np
import pytest
import torch

from molgen.core.random import Streams
from molgen.md.reconstruction.annealing import Annealing, anneal
from molgen.md.reconstruction.path import Path

WIDTH = 0.7  # of the Gaussian that paths begin with
KT = 2.5


def start(x):
    """-log of a normalised Gaussian of three coordinates."""
    energy = 0.5 * x.square().sum((1, 2)) / WIDTH**2 + 1.5 * math.log(2 * math.pi * WIDTH**2)
    return energy, -x / WIDTH**2


def quartic(x):
    """Two wells along each coordinate, unequal: (x^2 - 1)^2 + x / 2."""
    energy = ((x.square() - 1).square() + 0.5 * x).sum((1, 2))
    return energy, -(4 * x * (x.square() - 1) + 0.5)


GRID = np.linspace(-4, 4, 8001)
SHARE = np.exp(-((GRID**2 - 1) ** 2 + 0.5 * GRID))
LOG_Z = 3 * math.log(SHARE.sum() * (GRID[1] - GRID[0]))
LEFT = SHARE[GRID < 0].sum() / SHARE.sum()


def annealed(how, count=4000, target=quartic, usual=1e9):
    def starts(generator, copies):
        x = torch.zeros(count, 1, 3, dtype=torch.float64).repeat_interleave(copies, 0)
        noise = torch.Generator().manual_seed(3)
        return WIDTH * torch.randn(x.shape, generator=noise, dtype=torch.float64)

    path = Path(start, target, usual, how.softness)
    masses = torch.tensor([12.0])
    return anneal(path, starts, masses, KT, how, Streams.of(0, 0, count))


# the period of these wells at 12 amu and 2.5 kJ/mol is about 5 ps
@pytest.mark.parametrize(
    ("how", "usual"),
    [
        (Annealing(steps=0, paths=1, tries=1), 1e9),
        (Annealing(steps=40, paths=1, tries=1, timestep_ps=0.2), 1e9),
        (Annealing(steps=40, paths=1, tries=1, timestep_ps=0.2, softness=0.5), -1.0),
        (Annealing(steps=20, paths=1, tries=5, timestep_ps=0.2), 1e9),
        (Annealing(steps=20, paths=4, tries=2, timestep_ps=0.2, weighed_every=4), 1e9),
        (Annealing(steps=20, paths=1, tries=1, timestep_ps=0.7, friction_per_ps=0.3), 1e9),
    ],
    ids=["jump", "path", "softened", "tries", "several", "coarse"],
)
def test_the_partition_function_and_populations_are_exact(how, usual):
    found = annealed(how, usual=usual)
    w = found.log_weights.exp()
    n = len(w)
    error = float(w.std() / w.mean()) / math.sqrt(n)
    assert error < 0.08
    assert abs(math.log(w.mean()) - LOG_Z) < 4 * error
    share = found.log_weights.softmax(0)[:, None]
    left = (found.x[:, 0] < 0).double()
    spread = float((share * (left - LEFT)).square().sum().sqrt()) / 3
    assert abs(float((share * left).sum()) / 3 - LEFT) < 4 * spread * math.sqrt(3)
    assert not found.lost.any()


def test_the_work_of_a_coarse_step_is_shadow_work():
    """It would bias the answer if it were not counted: by more than twenty errors."""
    how = Annealing(steps=20, paths=1, tries=1, timestep_ps=0.7, friction_per_ps=0.3)
    found = annealed(how)
    assert float(found.shadow.mean()) > 0.05
    w = (found.log_weights + found.shadow).exp()
    error = float(w.std() / w.mean()) / math.sqrt(len(w))
    assert abs(math.log(w.mean()) - LOG_Z) > 5 * error


def test_slower_paths_weigh_more_evenly():
    def share(steps):
        w = annealed(Annealing(steps=steps, paths=1, tries=1, timestep_ps=0.2)).log_weights.softmax(
            0
        )
        return float(1 / (w * w).sum()) / len(w)

    fast, slow = share(10), share(160)
    assert slow > fast + 0.15
    assert slow > 0.7


def test_paths_without_an_end_have_no_weight():
    def broken(x):
        energy, forces = quartic(x)
        bad = x[:, 0, 0] > 1
        return torch.where(bad, math.nan, energy), torch.where(bad[:, None, None], 1e30, forces)

    found = annealed(Annealing(steps=5, paths=1, tries=1, timestep_ps=0.2), target=broken)
    assert found.lost.any()
    assert not found.lost.all()
    assert torch.isfinite(found.x).all()
    assert (found.log_weights[found.lost].exp() == 0).all()


def test_held_atoms_stay():
    def starts(generator, copies):
        return torch.ones(5, 2, 3, dtype=torch.float64)

    path = Path(start, quartic, 1e9, 1.0)
    masses = torch.tensor([12.0, math.inf])
    how = Annealing(steps=10, paths=1, tries=1, timestep_ps=0.1)
    found = anneal(path, starts, masses, KT, how, Streams.of(0, 0, 5))
    assert (found.x[:, 1] == 1).all()
    assert (found.x[:, 0] != 1).all()
    assert torch.isfinite(found.log_weights).all()
