r"""How likely a score model finds data, at most: the integral of its denoising error over time.

    -log P(x_0) <= 1/2 int sum_fields g^2 E |score(x_t, t) - grad log q(x_t | x_0)|^2 dt

for data of which the smallest noise leaves no doubt (categories at corners) and the largest tells
nothing; an equality on average over the data if the score is the true one (Guo, Shamai & Verdu
2005; Kingma et al. 2021, eq. 15; Song et al. 2021c, theorem 1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.losses import corrupt
from molgen.core.models import ScoreModel
from molgen.core.processes.process import Processes


def surprise_bound(
    model: ScoreModel,
    processes: Processes,
    batch: Batch,
    generator: torch.Generator | None,
    *,
    low: float = 0.03,
    high: float = 100.0,
    points: int = 32,
) -> Tensor:
    """An unbiased estimate of the right side, in nats: `[graphs]`.

    Args:
        model: its score may be asked for times below the smallest that was trained.
        processes: of all fields.
        batch: clean data.
        generator: of times and noise.
        low: smallest noise / signal of the first field, at which the data are certain.
        high: largest.
        points: times of each graph: one in each of so many parts, equal in log(noise / signal).
    """
    first = next(iter(processes.values()))
    like = next(iter(batch.state.values()))
    width = math.log(high / low) / points
    total = like.new_zeros(batch.graphs, dtype=torch.float64)
    for k in range(points):
        u = torch.rand(batch.graphs, generator=generator, device=like.device, dtype=torch.float64)
        ratio = low * torch.exp(width * (k + u))
        t = first.time_of(ratio).to(like.dtype)
        # d log(noise / signal) = g^2 / (2 s^2) dt
        per_level = 2 * (first.noise(t) / first.diffusion(t)).square()
        noised, target, _ = corrupt(processes, batch, t, generator)
        with torch.no_grad():
            score = model.score(noised, t)
        for name, process in processes.items():
            error = score[name] - target[name]
            square = process.manifold.inner(error, error, batch.rows[name])
            total = total + 0.5 * width * process.diffusion(t).square() * per_level * square
    return total
