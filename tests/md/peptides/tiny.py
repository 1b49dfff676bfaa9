"""A model of many peptides with random weights, as small as can be."""

from pathlib import Path

import torch

from molgen import checkpoint
from molgen.config import load_recipe
from molgen.md.peptides.models import build_model
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.statistics import Case, PeptideStatistics
from tests.md.peptides.frames import backbone_frames

SEEN = ("AS", "SA", "GA", "AG", "Ac-A-NHMe", "Ac-AS-NHMe")


def tiny_checkpoint(folder: Path, *, scatter: float | None = None, changes=()) -> Path:
    """The folder, with a model of weights of this deviation, or as training begins with.

    `changes`: of the shipped recipe.
    """
    cases = [Case(Peptide.parse(text), T) for text in SEEN for T in (310.0, 403.0)]
    frames = [(case, backbone_frames(case.peptide, 300)) for case in cases]
    statistics = PeptideStatistics.measure(frames, 310.0)
    small = ["model.hidden=32", "model.together=12", "data.peptides=['AS']"]
    recipe = load_recipe("dipeptides", [*small, *changes])
    torch.manual_seed(0)
    model = build_model(recipe, statistics, cases[:1])
    if scatter is not None:
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=scatter)
    meta = {"statistics": statistics.to_dict(), "binds": "a peptide, such as KS"}
    checkpoint.save(folder, recipe, model.state_dict(), meta)
    return folder
