"""Score networks that see and answer numbers of unit size at every noise level."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.processes import Processes


class PreconditionedScore(nn.Module):
    r"""A score model round a network F whose inputs and targets have unit variance.

        score(x, t) = base score(x, t) + score_std(t) F(standardised(x, t), level)

    For a linear process, with v = m^2 data_std^2 + s^2, this is -x/v + m data_std/(s sqrt(v)) F,
    the score (m D - x) / s^2 of the denoiser D = c_skip x/m + c_out F(c_in x, c_noise) of Karras et
    al. 2022, table 1, for any m and s; a zero network gives the exact score of a Gaussian of
    standard deviation data_std. On SO(3) the base is uniform and F is relative to the size of the
    kernel's score. The level is log(noise / signal) / 4 of the first field.

    Args:
        processes: the forward process of each field.
        network: F, as `network(batch, level) -> {field: tangent vectors}`, `level`: `[graphs]`.
    """

    def __init__(self, processes: Processes, network: nn.Module) -> None:
        super().__init__()
        self.processes = dict(processes)
        self.network = network

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """Gradient of log q(x, t) by each field, in tangent coordinates; `t`: `[graphs]`."""
        first = next(iter(self.processes.values()))
        level = torch.log(first.noise(t) / first.signal(t)) / 4
        seen = {
            name: process.standardised(batch.state[name], t, batch.rows[name])
            for name, process in self.processes.items()
        }
        answer: dict[str, Tensor] = self.network(batch.replace(**seen), level)
        scores = {}
        for name, process in self.processes.items():
            rows = batch.rows[name]
            learned = process.manifold.project(answer[name], rows)
            base = process.base_score(batch.state[name], t, rows)
            scores[name] = base + rows.spread(process.score_std(t), learned) * learned
        return scores
