"""`molgen evaluate`: a checkpoint's samples and simulation against held-out reference frames, and against each other."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.config import Table
from molgen.core.fokker_planck import residual
from molgen.core.losses import corrupt
from molgen.core.models import EnergyModel
from molgen.md.certificate import certify
from molgen.md.comparison import compare, measure_plane
from molgen.md.ensemble import Ensemble, bead_variables, plane_of
from molgen.md.frames import load_frames
from molgen.md.model_potential import ModelPotential
from molgen.md.sample import draw
from molgen.md.simulate import SimulateTable, run_chains
from molgen.md.statistics import Statistics
from molgen.md.system import System, load_system
from molgen.md.task import DataTable, as_batch, restore
from molgen.report.data import Curve, Results
from molgen.run import Run, provenance

Progress = Callable[[str, int, int], None]


class EvaluateTable(Table):
    """`[evaluate]` of a recipe.

    Attributes:
        samples: independent samples drawn, and simulation frames compared.
        reference: held-out frames they are compared with; all there are if None.
        steps: solver steps of the samples.
        solver: solver of the samples.
        chains: simulated chains.
        time_ps: length of each chain, without its equilibration.
        equilibration_ps: dropped at the start of each chain.
        curve_steps: solver steps at which quality against evaluations is measured.
        curve_samples: samples for each point of that curve.
        repeats: draws for floors and intervals.
    """

    samples: int = 50_000
    reference: int | None = None
    steps: int = 30
    solver: str = "heun"
    chains: int = 500
    time_ps: float = 200.0
    equilibration_ps: float = 50.0
    curve_steps: tuple[int, ...] = (5, 10, 20, 30, 50)
    curve_samples: int = 20_000
    repeats: int = 100
