"""Models of molecules that were never trained, and the times of their noise."""

import torch

from molgen.config import Recipe
from molgen.md.models.kinds import build_model

VE = {"kind": "VE", "sigma_min": 0.003, "sigma_max": 10.0}


def recipe_of(kind, process=VE, augment=0.0, **options):
    return Recipe.parse(
        {
            "task": "md",
            "name": "n",
            "process": {"pos": process},
            "model": {"kind": kind, **options},
            "loss": [{"kind": "denoising", "augment": augment}],
            "train": {"steps": 1, "batch_size": 1},
        },
        "n.toml",
    )


def random_model(recipe, statistics, generator, size=0.3):
    """A model far from its initial weights, so that every feature counts, float64."""
    torch.manual_seed(0)  # of the initial weights
    model = build_model(recipe, statistics).double()
    with torch.no_grad():
        for weight in model.parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weight.add_(size * noise / max(1, weight.shape[-1]) ** 0.5)
    return model.requires_grad_(False)


def times(model, sigma):
    return model.processes["pos"].time_of(torch.as_tensor(sigma, dtype=torch.float64))
