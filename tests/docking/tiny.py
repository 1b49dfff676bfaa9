"""A model of poses with random weights, as small as can be."""

from pathlib import Path

import torch

from molgen import checkpoint
from molgen.chem.atom_features import BOND_KINDS, LIGAND_SIZES, POCKET_SIZES
from molgen.config import Recipe
from molgen.docking.data.system import Vocabulary
from molgen.docking.models.kinds import build_model

TABLES = {
    "task": "docking",
    "name": "tiny",
    "data": {"complexes": ["none"]},
    "process": {
        "trans": {"kind": "VE", "sigma_min": 0.01, "sigma_max": 0.8, "data_std": 0.27},
        "rot": {"kind": "Brownian", "sigma_min": 0.06, "sigma_max": 3.0},
    },
    "model": {"kind": "score", "width": 8, "pair_width": 8, "vectors": 2, "radial": 4},
    "loss": [{"kind": "denoising"}],
    "train": {"steps": 1, "batch_size": 4},
    "evaluate": {"solver": "ancestral", "steps": 3},
}
"""A recipe, as nested tables."""


def tiny_checkpoint(folder: Path) -> Path:
    """The folder, with a model of random weights."""
    recipe = Recipe.parse(TABLES, "tiny.toml")
    torch.manual_seed(0)
    model = build_model(recipe, Vocabulary(POCKET_SIZES, LIGAND_SIZES, BOND_KINDS))
    vocabulary = {"pocket": POCKET_SIZES, "ligand": LIGAND_SIZES, "bonds": BOND_KINDS}
    checkpoint.save(folder, recipe, model.state_dict(), {"vocabulary": vocabulary})
    return folder
