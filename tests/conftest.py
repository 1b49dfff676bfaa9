"""What every test may use. One thread each: tests run side by side, and sums keep their order."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from molgen import toml
from molgen.config import Recipe

torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def no_compiler():
    """In the place of `torch.compile`, what it is on a machine without a compiler."""

    def compile(function, **options):
        def call(*args):
            raise torch._dynamo.exc.InternalTorchDynamoError("no working C++ compiler")

        return call

    return compile


@pytest.fixture
def recipe_tables() -> dict:
    """The smallest recipe that says everything, as nested tables; each test may change its own."""
    return {
        "task": "md",
        "name": "tiny",
        "seed": 3,
        "data": {"system": "double_well_1d", "limits": {"frames": 100}},
        "process": {"pos": {"kind": "VE", "sigma_min": 0.01, "sigma_max": 2.0}},
        "model": {"kind": "mlp", "width": 8},
        "loss": [{"kind": "denoising"}, {"kind": "fokker_planck", "weight": 0.5, "probes": 2}],
        "train": {"steps": 1000, "batch_size": 64},
        "smoke": {"train": {"steps": 5}, "data": {"limits": {"frames": 10}}},
    }


@pytest.fixture(scope="session")
def well_frames(tmp_path_factory) -> Path:
    """Packed frames of the two-dimensional double well, drawn exactly: no simulation made them."""
    import numpy as np

    from molgen.md.data.packing import pack
    from molgen.md.system import load_system

    system = load_system("double_well_2d")
    table, random = system.definition.potential, np.random.default_rng(0)
    x = np.linspace(-4, 4, 8001)
    energy = table.barrier * ((x / table.half_width) ** 2 - 1) ** 2 + table.tilt * x
    weight = np.exp(-energy / system.kT)
    folder = tmp_path_factory.mktemp("frames") / "double_well_2d"
    folder.mkdir()
    for part in ("train", "reference"):
        along = random.choice(x, 4000, p=weight / weight.sum()) + random.uniform(-5e-4, 5e-4, 4000)
        across = random.normal(0, np.sqrt(system.kT / table.stiffness), 4000)
        points = np.stack([along, across], axis=1)[:, None]
        pack(folder / f"{part}.npz", points, [bead.label for bead in system.atoms.beads])
    return folder


@pytest.fixture
def well_tables(well_frames) -> dict:
    """The recipe of a small model of that well: a few seconds for hundreds of steps."""
    return {
        "task": "md",
        "name": "well",
        "data": {"system": "double_well_2d", "frames": str(well_frames), "held_out": 100},
        "process": {"pos": {"kind": "VE", "sigma_min": 0.02, "sigma_max": 10.0}},
        "model": {"kind": "coordinates", "hidden": 16, "layers": 2},
        "loss": [{"kind": "denoising"}, {"kind": "fokker_planck", "weight": 0.1}],
        "train": {
            "steps": 40,
            "batch_size": 32,
            "log_every": 7,
            "checkpoint_every": 10,
            "validate_every": 15,
            "compile": False,
        },
    }


@pytest.fixture
def well_recipe(well_tables) -> Recipe:
    return Recipe.parse(well_tables, "well.toml")


@pytest.fixture
def write_recipe(well_tables, tmp_path):
    """`write_recipe(**changes)`: the file of that recipe with changes to its [train] table."""

    def write(**changes) -> str:
        tables = {**well_tables, "train": {**well_tables["train"], **changes}}
        (tmp_path / "well.toml").write_text(toml.dumps(tables))
        return str(tmp_path / "well.toml")

    return write
