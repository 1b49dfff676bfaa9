"""Models in closed form: a Gaussian, whose potential of mean force is a harmonic well."""

import math

import pytest
import torch

from molgen import checkpoint
from molgen.config import Recipe
from molgen.core.manifolds import Centred, Euclidean
from molgen.core.models import NormalisedEnergy
from molgen.core.processes import VE
from molgen.md.models.kinds import build_model
from molgen.md.models.statistics import Statistics
from molgen.md.system import load_system
from molgen.md.system.beads import Bead, BeadMapping

SIGMA_MIN = 0.1
MASSES = {"C": 12.011, "N": 14.007}


class Nothing(torch.nn.Module):
    """The correction to a Gaussian of a model that is one."""

    def forward(self, batch, t):
        return torch.zeros_like(t)


def statistics_of(system: str) -> Statistics:
    """Five beads of alanine dipeptide, or the particle of a surface, without stiff modes."""
    if system == "ala2":
        names = [
            ("C", "ACE", 1),
            ("N", "ALA", 2),
            ("CA", "ALA", 2),
            ("C", "ALA", 2),
            ("N", "NME", 3),
        ]
        beads = tuple(
            Bead(name, residue, number, name[0], MASSES[name[0]], atom)
            for atom, (name, residue, number) in zip((4, 6, 8, 14, 16), names, strict=True)
        )
        mapping = BeadMapping("backbone5", beads, ((0, 1), (1, 2), (2, 3), (3, 4)))
        own = {"kT": 2.494, "scale": 0.1, "offset": (0.0, 0.0, 0.0), "centred": True}
    else:
        mapping = BeadMapping("all", (Bead("X", "TOY", 1, "X", 0.5, 0),), ())
        own = {"kT": 23.0, "scale": 0.6, "offset": (-0.3, 0.8), "centred": False}
    return Statistics(
        system=system, mapping=mapping, pairs=(), mean=(), modes=(), variance=(), **own
    )


@pytest.fixture(scope="session")
def ala2():
    return load_system("ala2")


@pytest.fixture
def harmonic():
    """Statistics and the model of a Gaussian of unit variance in the model's units, by system."""

    def make(system: str = "ala2"):
        statistics = statistics_of(system)
        manifold = Centred() if statistics.centred else Euclidean()
        process = VE(manifold=manifold, sigma_min=SIGMA_MIN, sigma_max=10.0)
        return NormalisedEnergy({"pos": process}, Nothing()), statistics

    return make


@pytest.fixture
def harmonic_checkpoint(tmp_path):
    """The folder of a checkpoint of the same model, by system and further tables of a recipe."""

    def make(system: str = "ala2", weight: float = 0.0, **tables):
        recipe = Recipe.parse(
            {
                "task": "md",
                "name": "harmonic",
                "data": {"system": system, "frames": "none"},
                "process": {"pos": {"kind": "VE", "sigma_min": SIGMA_MIN, "sigma_max": 10.0}},
                "model": {"kind": "coordinates", "hidden": 8, "layers": 1},
                "loss": [{"kind": "denoising"}],
                "train": {"steps": 1, "batch_size": 1},
                **tables,
            },
            "harmonic",
        )
        statistics = statistics_of(system)
        model = build_model(recipe, statistics)
        weights = {name: torch.full_like(w, weight) for name, w in model.state_dict().items()}
        folder = tmp_path / f"checkpoint_{system}_{weight:g}"
        meta = {"system": system, "statistics": statistics.to_dict()}
        checkpoint.save(folder, recipe, weights, meta)
        return folder

    return make


@pytest.fixture(scope="session")
def chain():
    """`chain(n, beads, generator)`: chains `[n, beads, 3]` nm with stiff bonds and angles.

    Bonds 0.140 +- 0.003 nm, angles 115 +- 3 degrees, free dihedrals, any orientation, no centre.
    """

    def make(n: int, beads: int, generator: torch.Generator) -> torch.Tensor:
        def normal(*shape):
            return torch.randn(n, *shape, generator=generator, dtype=torch.float64)

        unit = torch.nn.functional.normalize
        bonds = 0.14 + 0.003 * normal(beads - 1, 1)
        bends = torch.deg2rad(115 + 3 * normal(beads - 2, 1))
        spins = math.pi * (2 * torch.rand(n, beads - 2, 1, generator=generator).double() - 1)
        direction, side = unit(normal(3), dim=1), unit(normal(3), dim=1)
        x = [torch.zeros(n, 3, dtype=torch.float64), bonds[:, 0] * direction]
        for k in range(beads - 2):
            across = unit(torch.linalg.cross(direction, side), dim=1)
            up = torch.linalg.cross(across, direction)
            turned = spins[:, k].cos() * up + spins[:, k].sin() * across
            side = direction
            direction = -bends[:, k].cos() * direction + bends[:, k].sin() * turned
            x.append(x[-1] + bonds[:, k + 1] * direction)
        return centre(torch.stack(x, dim=1))

    return make


def centre(x: torch.Tensor) -> torch.Tensor:
    return x - x.mean(1, keepdim=True)
