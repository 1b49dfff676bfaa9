"""What is minimised: losses take a model and a clean batch and draw their own times and noise.

`loss(model, processes, batch, generator) -> (scalar, floats to log)`; a recipe sums them by weight.
Training says how far it is, from 0 to 1: `loss(..., progress=0.2)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.losses import fokker_planck
from molgen.core.losses.augmentation import invert, require_told
from molgen.core.losses.corruption import OnPart, Paired, corrupt
from molgen.core.losses.noise_levels import OverNoise
from molgen.core.losses.target_score import TargetScore
from molgen.core.processes import Process, Processes
from molgen.errors import UsageError

__all__ = [
    "LOSSES",
    "CrossEntropy",
    "Denoising",
    "FokkerPlanck",
    "OverNoise",
    "VelocityMatching",
    "corrupt",
]


@dataclass(frozen=True)
class Denoising(Paired):
    """Denoising score matching: E scale(t)^2 |score - grad log q(x_t|x_0)|^2 / D, mean of fields.

    Vincent 2011; Song et al. 2021, eq. 7, with the inverse mean square of the target for weight
    (s^2 where the kernel is Gaussian).

    Attributes:
        fields: how much each counts in the mean; 1 if not named.
        augment: share of the graphs that are turned inside out; see
        `molgen.core.losses.augmentation`.

    Raises:
        UsageError: a number out of its range.
    """

    fields: Mapping[str, float] = field(default_factory=dict)
    augment: float = 0.0

    name: ClassVar[str] = "denoising"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.augment < 1:
            raise UsageError(f"{self.name}: augment {self.augment:g} must be from 0 to below 1")

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
        progress: float = 1.0,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch, and the loss of each field.

        Raises:
            UsageError: a weight is of a field that there is not, or the model cannot be trained
                with the pairing or augmentation that is asked for.
        """
        unknown = self.fields.keys() - processes.keys()
        if unknown:
            raise UsageError(
                f"{self.name}: no field '{unknown.pop()}' among {', '.join(processes)}"
            )
        t = self.times(processes, batch, generator, progress)
        noised, target, scale = self.corrupted(model, processes, batch, t, generator)
        if self.augment:
            require_told(model)
            noised, target = invert(processes, noised, target, self.augment, generator)
        score = model.score(noised, t)
        fields = {}
        for name, process in processes.items():
            rows, manifold = batch.rows[name], process.manifold
            error = score[name] - target[name]
            dim = manifold.dim(noised.state[name], rows).clamp_min(1)  # one node has no pairs
            square = manifold.inner(error, error, rows) / dim
            fields[name] = (self.weight(process, t, scale[name]) * square).mean()
        weighted = [self.fields.get(name, 1.0) * value for name, value in fields.items()]
        return torch.stack(weighted).mean(), {
            f"{self.name}/{name}": value.detach() for name, value in fields.items()
        }

    def weight(self, process: Process, t: Tensor, scale: Tensor) -> Tensor:
        """Of the squared error of a score of this scale: `[graphs]`."""
        del process, t
        return scale.square()


@dataclass(frozen=True)
class VelocityMatching(Denoising):
    """Flow matching: E |v - dx_t/dt|^2 / D over even times, mean of fields, v the score's velocity.

    v - dx_t/dt = -g^2/2 (score - grad log q(x_t|x_0)) on every manifold
    (`molgen.core.models.velocity`): denoising with another weight, and with other times unless
    told. Lipman et al. 2023, eq. 14.
    """

    even: Literal["noise", "time"] = "time"

    name: ClassVar[str] = "velocity_matching"

    def weight(self, process: Process, t: Tensor, scale: Tensor) -> Tensor:
        """(g^2 / 2)^2: `[graphs]`."""
        del scale
        return (0.5 * process.diffusion(t).square()).square()


@dataclass(frozen=True)
class CrossEntropy(Paired):
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
        progress: float = 1.0,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch, and the part of each field.

        Raises:
            UsageError: the fields cannot be paired as asked for.
        """
        t = self.times(processes, batch, generator, progress)
        noised, _, _ = self.corrupted(model, processes, batch, t, generator)
        sums = model.cross_entropy(batch, noised, t)
        first = next(iter(batch.state))
        nodes = batch.rows[first].count(batch.state[first]).sum()
        fields = {f"cross_entropy/{name}": value.sum() / nodes for name, value in sums.items()}
        return torch.stack(list(fields.values())).sum(), {
            name: value.detach() for name, value in fields.items()
        }


@dataclass(frozen=True)
class FokkerPlanck(OnPart):
    """The squared relative Fokker-Planck residual on a part of the batch, by two weak estimates.

    Attributes:
        step: length of the probes relative to the noise.
        after: share of the training that goes before it: steps without it are faster.

    Raises:
        UsageError: a number out of its range.
    """

    step: float = 0.03
    after: float = 0.0

    name: ClassVar[str] = "fokker_planck"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step <= 0:
            raise UsageError(f"{self.name}: step {self.step} must be positive")
        if not 0 <= self.after < 1:
            raise UsageError(f"{self.name}: after {self.after} must be from 0 to below 1")

    def asleep(self, progress: float) -> bool:
        """Before `after`."""
        return progress < self.after

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
        progress: float = 1.0,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch, and itself to log; zero before `after`, and nothing to log."""
        if self.asleep(progress):
            return next(iter(batch.state.values())).new_zeros(()), {}
        part, t = self.part(processes, batch, generator)
        noised, _, _ = corrupt(processes, part, t, generator)
        first, second = fokker_planck.weak_residuals(
            model, noised, t, step=self.step, generator=generator
        )
        loss = (first * second).mean()
        return loss, {self.name: loss.detach()}


LOSSES = {
    "denoising": Denoising,
    "velocity_matching": VelocityMatching,
    "cross_entropy": CrossEntropy,
    "fokker_planck": FokkerPlanck,
    "target_score": TargetScore,
}
"""Losses by the `kind` a recipe names."""
