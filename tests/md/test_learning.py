"""That training learns: what a model of seconds must already know."""

import math

import numpy as np
import pytest
import torch

from molgen import checkpoint
from molgen.config import Recipe
from molgen.md.data.packing import pack
from molgen.md.dynamics.integrators import BAOAB, langevin_init, run
from molgen.md.potentials.model import ModelPotential
from molgen.md.sample import draw
from molgen.md.system import load_system
from molgen.md.task import restore
from molgen.sampler import SampleTable
from molgen.train import train

EDGES = [-1.5, -0.5, 0.5, 1.5]
"""Bins of the double well along x: outside left, left well, barrier, right well, outside right."""

MODEL_ERROR = 0.025
"""Of a bin's population, after a thousand steps; the Gaussian base alone is off by 0.17."""


def trained(tables, folder):
    train(Recipe.parse(tables, "learning.toml"), folder, accelerator="cpu")
    return restore(checkpoint.load(folder))


@pytest.fixture(scope="module")
def well():
    return load_system("double_well_2d")


@pytest.fixture(scope="module")
def well_model(well_frames, tmp_path_factory):
    tables = {
        "task": "md",
        "name": "well",
        "data": {"system": "double_well_2d", "frames": str(well_frames), "held_out": 100},
        "process": {"pos": {"kind": "VE", "sigma_min": 0.05, "sigma_max": 10.0}},
        "model": {"kind": "coordinates", "hidden": 24, "layers": 2},
        "loss": [
            {"kind": "denoising", "focus": [0.1, 1.5]},
            {"kind": "fokker_planck", "weight": 1.0, "fraction": 0.125, "high": 3.0},
        ],
        "train": {
            "steps": 1000,
            "batch_size": 256,
            "learning_rate": 1e-2,
            "ema_decay": 0.99,
            "compile": False,
        },
    }
    return trained(tables, tmp_path_factory.mktemp("learning") / "well")


@pytest.fixture(scope="module")
def populations(well):
    """Of the bins, by quadrature; y is independent of x."""
    x = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    points = torch.stack([x, torch.zeros_like(x)], dim=1)[:, None]
    weight = torch.exp(-well.potential(torch.float64).energy(points) / well.kT)
    which = torch.bucketize(x, torch.tensor(EDGES).double())
    return torch.zeros(5).double().index_add(0, which, weight) / weight.sum()


def indicators(x):
    """`[..., 5]`, one in the bin that x lies in."""
    which = torch.bucketize(x.contiguous(), torch.tensor(EDGES, dtype=x.dtype))
    return torch.nn.functional.one_hot(which, 5).double()


def test_samples_of_a_trained_double_well_have_its_populations(well_model, populations):
    n = 10_000
    x = draw(
        *well_model, n, table=SampleTable(steps=25), generator=torch.Generator().manual_seed(1)
    )
    found = indicators(x[:, 0, 0]).mean(0)
    # Four sigma of the samples and of the 4000 frames it learned from.
    spread = 4 * (populations * (1 - populations) * (1 / n + 1 / 4000)).sqrt()
    assert ((found - populations).abs() < MODEL_ERROR + spread).all()
    assert x[:, 0, 1].square().mean().item() == pytest.approx(0.5, rel=0.07)


def test_the_same_model_simulates_the_double_well(well_model, well, populations):
    """Langevin dynamics in its potential; chains are independent, so their scatter is the error."""
    model, statistics = well_model
    chains, generator = 300, torch.Generator().manual_seed(2)
    potential = ModelPotential(model, statistics)
    start = draw(model, statistics, chains, table=SampleTable(steps=20), generator=generator)
    state = langevin_init(potential, start, well.masses, well.kT, generator)
    integrator = BAOAB(potential, well.masses, well.timestep_ps, well.friction_per_ps)
    frames = [s.positions for s in run(integrator, state, well.kT, 60, 40, generator)]
    x = torch.stack(frames[10:])  # the first 20 time units settle what the samples had wrong
    each = indicators(x[..., 0, 0]).mean(0)
    spread = 4 * (each.std(0) / math.sqrt(chains) + (populations / 4000).sqrt())
    assert ((each.mean(0) - populations).abs() < MODEL_ERROR + spread).all()
    assert (4 * each.std(0) / math.sqrt(chains) < 0.1).all()  # so that this says something
    assert x[..., 0, 1].square().mean().item() == pytest.approx(0.5, rel=0.1)


def superposed(x, y):
    """Root mean square distance of the beads after the best rotation, no mirror: `[n]`, nm."""
    x, y = (z - z.mean(1, keepdim=True) for z in (x, y))
    U, S, V = torch.linalg.svd(x.mT @ y)
    S[:, -1] *= torch.linalg.det(U @ V).sign()
    square = x.square().sum((1, 2)) + y.square().sum((1, 2)) - 2 * S.sum(1)
    return (square.clamp_min(0) / x.shape[1]).sqrt()


def test_four_molecules_are_learned_by_heart(chain, tmp_path):
    """Each comes back in a quarter of the samples, and not as its mirror image."""
    mapping = load_system("ala2").mapping("backbone5")
    four = chain(4, 5, torch.Generator().manual_seed(10))  # far apart, mirror images too
    frames = four.repeat(50, 1, 1).numpy()
    pack(tmp_path / "train.npz", frames, [bead.label for bead in mapping.beads])
    tables = {
        "task": "md",
        "name": "four",
        "data": {
            "system": "ala2",
            "mapping": "backbone5",
            "frames": str(tmp_path),
            "held_out": 20,
        },
        "process": {"pos": {"kind": "VE", "sigma_min": 0.05, "sigma_max": 10.0}},
        "model": {"kind": "beads", "hidden": 64, "layers": 2},
        "loss": [{"kind": "denoising", "focus": [0.05, 2.0]}],
        "train": {
            "steps": 800,
            "batch_size": 128,
            "learning_rate": 8e-3,
            "ema_decay": 0.98,
            "compile": False,
        },
    }
    model, statistics = trained(tables, tmp_path / "run")
    n = 400
    generator = torch.Generator().manual_seed(1)
    x = draw(model, statistics, n, table=SampleTable(steps=40), generator=generator).double()
    distance = torch.stack([superposed(x, one.expand_as(x)) for one in four], dim=1)
    nearest, which = distance.min(1)
    apart = min(superposed(four[a : a + 1], four[b : b + 1]) for a in range(4) for b in range(a))
    # The last noise alone leaves 0.05 of the molecule's 0.1 nm on each coordinate.
    assert apart > 0.05
    assert nearest.median() < 0.02
    assert (nearest < 0.5 * apart).double().mean() > 0.8
    share = np.bincount(which, minlength=4) / n
    assert (abs(share - 0.25) < 0.1 + 4 * math.sqrt(0.25 * 0.75 / n)).all()
    mirrored = torch.stack([superposed(-x, one.expand_as(x)) for one in four], dim=1).amin(1)
    assert (mirrored > nearest).double().mean() > 0.85
