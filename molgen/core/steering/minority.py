r"""Rewards for what is rare: states of low density, which draws of a model seldom are.

Of an energy model -log q(x) is a reward: q exp(w (-log q)) = q^{1 - w}, the law at the temperature
1 / (1 - w). Where there is only a score, what is rare is known by what noise does to it: noised to
a time at which the data's modes run together, and denoised, a rare state comes back as a frequent
one (self-guided minority sampling, Um & Ye 2024), and the further it is carried the rarer it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel, ScoreModel
from molgen.core.processes import Processes
from molgen.core.random import Streams
from molgen.core.steering.denoised import denoised
from molgen.core.steering.rewards import Reward
from molgen.errors import UsageError


def low_density(model: EnergyModel) -> Reward:
    """-log q of the clean state, in units of kT.

    Args:
        model: of energies, asked at its smallest time. A weight of 1 or more makes no law.
    """
    t_min = max(process.t_min for process in model.processes.values())

    def reward(batch: Batch, t: Tensor) -> Tensor:
        return model.energy(batch, torch.full_like(t, t_min))

    return reward


def minority(
    model: ScoreModel, processes: Processes, *, time: float = 0.5, draws: int = 2
) -> Reward:
    """How far noise and denoising carry a state: mean square of it, in units of the data's.

        |log(x, D(x_t, t))|^2 / (dim data_std^2), a mean over draws of x_t and over fields

    The noise is the same for a graph's number every time it is asked, so that differences of
    rewards are those of states.

    Args:
        model: of the score.
        processes: of each field.
        time: to which states are noised; the later, the larger what counts as one mode.
        draws: of the noise.

    Raises:
        UsageError: a number out of its range.
    """
    if not 0 < time <= 1 or draws < 1:
        raise UsageError(f"minority: time = {time:g} must be from 0 to 1, draws = {draws} above 0")

    def reward(batch: Batch, t: Tensor) -> Tensor:
        total, at = torch.zeros_like(t), torch.full_like(t, time)
        for number in range(draws):
            noise = Streams.of(number, 0, batch.graphs, t.device)
            noised = batch.replace(
                **{
                    name: process.corrupt(batch.state[name], at, batch.rows[name], noise).x_t
                    for name, process in processes.items()
                }
            )
            back = denoised(processes, model.score(noised, at), noised, at)
            for name, process in processes.items():
                x, rows, manifold = batch.state[name], batch.rows[name], process.manifold
                v = manifold.log(x, back.state[name], rows)
                size = manifold.dim(x, rows) * process.data_std**2 * draws * len(processes)
                total = total + manifold.inner(v, v, rows) / size
        return total

    return reward
