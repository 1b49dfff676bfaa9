"""What every test may use. One thread each: tests run side by side, and sums keep their order."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


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
