"""What is minimised: losses take a model and a clean batch and draw their own times and noise.

`loss(model, processes, batch, generator) -> (scalar, floats to log)`; a recipe sums them by weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from molgen.core import fokker_planck
from molgen.core.batch import Batch
from molgen.core.grids import NoiseRange, log_noise_times
from molgen.core.processes import Processes
from molgen.errors import UsageError


class Loss(Protocol):
    """A term of the training objective."""

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch, and what to log."""
        ...


def corrupt(
    processes: Processes, batch: Batch, t: Tensor, generator: torch.Generator | None
) -> tuple[Batch, dict[str, Tensor], dict[str, Tensor]]:
    """Noise every field to time t: the noised batch, conditional scores and their scales."""
    noised = {
        name: process.corrupt(batch.state[name], t, batch.rows[name], generator)
        for name, process in processes.items()
    }
    return (
        batch.replace(**{name: n.x_t for name, n in noised.items()}),
        {name: n.score for name, n in noised.items()},
        {name: n.scale for name, n in noised.items()},
    )


@dataclass(frozen=True)
class OverNoise:
    """What losses share that see every noise level; times follow the first field's noise / signal.

    Attributes:
        low: smallest noise / signal; see `NoiseRange`, also for the others.
        high: largest.
        focus: part of the range that gets a larger share.
        share: that share.

    Raises:
        UsageError: a number out of its range.
    """

    low: float | None = None
    high: float | None = None
    focus: tuple[float, float] | None = None
    share: float = 0.7

    def __post_init__(self) -> None:
        self._noise()

    def _noise(self) -> NoiseRange:
        return NoiseRange(self.low, self.high, self.focus, self.share)

    def times(
        self, processes: Processes, batch: Batch, generator: torch.Generator | None
    ) -> Tensor:
        """Random times, one a graph."""
        return log_noise_times(
            next(iter(processes.values())),
            batch.graphs,
            generator,
            noise=self._noise(),
            like=next(iter(batch.state.values())),
        )


@dataclass(frozen=True)
class Denoising(OverNoise):
    """Denoising score matching: E scale(t)^2 |score - grad log q(x_t|x_0)|^2 / D, mean of fields.

    Vincent 2011; Song et al. 2021, eq. 7, with the inverse mean square of the target for weight
    (s^2 where the kernel is Gaussian).

    Attributes:
        fields: how much each counts in the mean; 1 if not named.
    """

    fields: Mapping[str, float] = field(default_factory=dict)

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch, and the loss of each field.

        Raises:
            UsageError: a weight is of a field that there is not.
        """
        unknown = self.fields.keys() - processes.keys()
        if unknown:
            raise UsageError(f"denoising: no field '{unknown.pop()}' among {', '.join(processes)}")
        t = self.times(processes, batch, generator)
        noised, target, scale = corrupt(processes, batch, t, generator)
        score = model.score(noised, t)
        fields = {}
        for name, process in processes.items():
            rows, manifold = batch.rows[name], process.manifold
            error = score[name] - target[name]
            dim = manifold.dim(noised.state[name], rows).clamp_min(1)  # one node has no pairs
            square = manifold.inner(error, error, rows) / dim
            fields[name] = (scale[name].square() * square).mean()
        weighted = [self.fields.get(name, 1.0) * value for name, value in fields.items()]
        return torch.stack(weighted).mean(), {
            f"denoising/{name}": value.detach() for name, value in fields.items()
        }


@dataclass(frozen=True)
class CrossEntropy(OverNoise):
    """-log p(what each row was | state at t), for models of categories: E of their sum over rows.

    In nats for each row of the first field (each node). The best model is the true posterior, whose
    mean is the true score (Eijkelboom et al. 2024, eq. 8).
    """

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch, and the part of each field."""
        t = self.times(processes, batch, generator)
        noised, _, _ = corrupt(processes, batch, t, generator)
        sums = model.cross_entropy(batch, noised, t)
        first = next(iter(batch.state))
        nodes = batch.rows[first].count(batch.state[first]).sum()
        fields = {f"cross_entropy/{name}": value.sum() / nodes for name, value in sums.items()}
        return torch.stack(list(fields.values())).sum(), {
            name: value.detach() for name, value in fields.items()
        }


@dataclass(frozen=True)
class FokkerPlanck:
    """The squared relative Fokker-Planck residual on a part of the batch, by two weak estimates.

    Attributes:
        fraction: share of the batch it is evaluated on.
        low: smallest noise / signal; the process's own if None.
        high: largest.
        step: length of the probes relative to the noise.

    Raises:
        UsageError: a number out of its range.
    """

    fraction: float = 0.25
    low: float | None = None
    high: float | None = None
    step: float = 0.03

    def __post_init__(self) -> None:
        NoiseRange(self.low, self.high)
        if not 0 < self.fraction <= 1:
            raise UsageError(f"fokker_planck: fraction {self.fraction} must be in (0, 1]")
        if self.step <= 0:
            raise UsageError(f"fokker_planck: step {self.step} must be positive")

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch, and itself to log."""
        count = max(1, round(self.fraction * batch.graphs))
        like = next(iter(batch.state.values()))
        part = batch.take(torch.arange(count, device=like.device))
        t = log_noise_times(
            next(iter(processes.values())),
            count,
            generator,
            noise=NoiseRange(self.low, self.high),
            like=like,
        )
        noised, _, _ = corrupt(processes, part, t, generator)
        first, second = fokker_planck.weak_residuals(
            model, noised, t, step=self.step, generator=generator
        )
        loss = (first * second).mean()
        return loss, {"fokker_planck": loss.detach()}


LOSSES = {
    "denoising": Denoising,
    "cross_entropy": CrossEntropy,
    "fokker_planck": FokkerPlanck,
}
"""Losses by the `kind` a recipe names."""
