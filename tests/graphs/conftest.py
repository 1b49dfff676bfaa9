"""Checkpoints of small models of graphs that were never trained."""

import dataclasses

import pytest
import torch

from molgen import checkpoint
from molgen.chem.vocabulary import AtomType, Vocabulary
from molgen.config import Recipe
from molgen.graphs.models.kinds import build_model
from molgen.graphs.models.statistics import Label, Statistics

TABLES = {
    "task": "graphs",
    "name": "tiny",
    "data": {"graphs": "none"},
    "process": {
        "x": {"kind": "VP", "t_min": 0.03},
        "adj": {"kind": "VP", "t_min": 0.03},
    },
    "model": {
        "kind": "transformer",
        "width": 16,
        "pair_width": 8,
        "whole_width": 8,
        "layers": 1,
        "heads": 2,
        "triangles": 4,
    },
    "loss": [{"kind": "cross_entropy"}],
    "train": {"steps": 1, "batch_size": 2},
    "evaluate": {"solver": "ancestral", "steps": 4},
}
"""A recipe, as nested tables."""

ATOMS = Vocabulary((AtomType("C", 0), AtomType("O", 0), AtomType("N", 0)))

STATISTICS = Statistics(
    (0.7, 0.2, 0.1), (0.5, 0.4, 0.07, 0.03), (0, 2, 3, 4, 1), ATOMS, limits=(4, 2, 3)
)


@pytest.fixture
def graph_tables():
    return TABLES


@pytest.fixture
def graph_checkpoint(tmp_path):
    """`graph_checkpoint(plain, **tables)`: the folder of a model with random weights."""

    def made(plain=False, **tables):
        recipe = Recipe.parse({**TABLES, **tables}, "tiny.toml")
        vocabulary = None if plain else ATOMS
        statistics = dataclasses.replace(STATISTICS, vocabulary=vocabulary)
        torch.manual_seed(0)
        model = build_model(recipe, statistics)
        folder = tmp_path / "checkpoint"
        checkpoint.save(
            folder, recipe, model.state_dict(), {"statistics": statistics.to_dict(), "data": {}}
        )
        return folder

    return made


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """What is prepared by name goes into `tmp_path / "data"`."""
    monkeypatch.setenv("MOLGEN_DATA", str(tmp_path / "data"))


@pytest.fixture
def predictor(tmp_path):
    """The folder of a predictor of the property `size`, from 1 to 4, with random weights."""
    torch.manual_seed(0)
    recipe = Recipe.parse(
        {
            **TABLES,
            "name": "tiny_properties",
            "model": {**TABLES["model"], "kind": "properties"},
            "loss": [{"kind": "property"}],
        },
        "tiny_properties.toml",
    )
    statistics = dataclasses.replace(STATISTICS, labels={"size": Label(2.5, 1.0, 1.0, 4.0)})
    model = build_model(recipe, statistics)
    for parameter in model.parameters():  # answers would be zero
        torch.nn.init.normal_(parameter, std=0.3)
    folder = tmp_path / "predictor"
    checkpoint.save(
        folder, recipe, model.state_dict(), {"statistics": statistics.to_dict(), "data": {}}
    )
    return folder
