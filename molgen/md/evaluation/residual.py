"""How well a model obeys its own Fokker-Planck equation, noise level by noise level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.fokker_planck import residual
from molgen.core.losses import corrupt
from molgen.core.models import EnergyModel
from molgen.core.processes import LinearProcess
from molgen.md.statistics import Statistics
from molgen.md.task import as_batch


@dataclass(frozen=True)
class ResidualLevel:
    """The Fokker-Planck residual at one noise level.

    Attributes:
        time: diffusion time.
        noise: noise / signal there, in units of the data's scale.
        rms: root mean square of the relative residual; 1 is as large as the Laplacian of log q.
        low: rms less one standard error.
        high: rms plus one standard error.
    """

    time: float
    noise: float
    rms: float
    low: float
    high: float


def residual_levels(
    model: EnergyModel,
    statistics: Statistics,
    x: Tensor,
    *,
    levels: int = 20,
    generator: torch.Generator,
) -> list[ResidualLevel]:
    """The relative residual at noised conformers, from the least noise to the most.

    The divergence is exact: the sum over a frame of the tangent space.

    Args:
        model: the energy model, not compiled.
        statistics: of its molecule.
        x: `[n, beads, dims]` nm, a few hundred conformers.
        levels: noise levels, evenly in log(noise / signal).
        generator: source of randomness, on the device of `x`.
    """
    process = model.processes["pos"]
    assert isinstance(process, LinearProcess)
    ends = torch.tensor([process.t_min, 1.0], dtype=torch.float64)
    low, high = torch.log(process.noise(ends) / process.signal(ends)).tolist()
    batch = as_batch(statistics.normalise(x))
    found = []
    for k in range(levels):
        noise = math.exp(low + (high - low) * k / max(levels - 1, 1))
        time = float(process.time_of(torch.tensor(noise, dtype=torch.float64)))
        t = x.new_full((len(x),), min(max(time, process.t_min), 1.0))
        noised, _, _ = corrupt(model.processes, batch, t, generator)
        with torch.no_grad():
            squares = residual(model, noised, t).double().square()
        mean = squares.mean().item()
        error = squares.std().item() / len(x) ** 0.5
        found.append(
            ResidualLevel(
                time=float(t[0]),
                noise=noise,
                rms=mean**0.5,
                low=max(mean - error, 0.01 * mean) ** 0.5,
                high=(mean + error) ** 0.5,
            )
        )
    return found
