"""How losses noise what is clean: by the process of each field, with noise of any pairing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.losses.loss import Loss
from molgen.core.losses.noise_levels import NoiseRange, OverNoise, noise_times
from molgen.core.losses.pairing import Symmetry, paired_noise
from molgen.core.models import EnergyModel
from molgen.core.processes import Processes
from molgen.core.processes.process import Corrupted
from molgen.errors import UsageError

Noised = tuple[Batch, dict[str, Tensor], dict[str, Tensor]]
"""The noised batch, conditional scores of its fields, and their scales; see `Corrupted`."""


def corrupt(
    processes: Processes, batch: Batch, t: Tensor, generator: torch.Generator | None
) -> Noised:
    """Noise every field to time t `[graphs]`, each with noise of its own."""
    noise = {
        name: process.manifold.noise(batch.state[name], batch.rows[name], generator)
        for name, process in processes.items()
    }
    return with_noise(processes, batch, t, noise)


def with_noise(
    processes: Processes, batch: Batch, t: Tensor, noise: Mapping[str, Tensor]
) -> Noised:
    """Noise every field to time t `[graphs]` by these white tangent vectors."""
    noised: dict[str, Corrupted] = {
        name: process.noised(batch.state[name], t, noise[name], batch.rows[name])
        for name, process in processes.items()
    }
    return (
        batch.replace(**{name: n.x_t for name, n in noised.items()}),
        {name: n.score for name, n in noised.items()},
        {name: n.scale for name, n in noised.items()},
    )


@dataclass(frozen=True)
class OnPart(Loss):
    """What losses share that look at a part of the batch, over a range of noise.

    Attributes:
        fraction: share of the batch.
        low: smallest noise / signal; the process's own if None.
        high: largest.

    Raises:
        UsageError: a number out of its range.
    """

    name: ClassVar[str]

    fraction: float = 0.25
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        NoiseRange(self.low, self.high)
        if not 0 < self.fraction <= 1:
            raise UsageError(f"{self.name}: fraction {self.fraction} must be in (0, 1]")

    def part(
        self, processes: Processes, batch: Batch, generator: torch.Generator | None
    ) -> tuple[Batch, Tensor]:
        """That part, clean, and times `[graphs]` for it."""
        like = next(iter(batch.state.values()))
        count = max(1, round(self.fraction * batch.graphs))
        t = noise_times(
            next(iter(processes.values())),
            count,
            generator,
            noise=NoiseRange(self.low, self.high),
            like=like,
        )
        return batch.take(torch.arange(count, device=like.device)), t


@dataclass(frozen=True)
class Paired(OverNoise):
    """What losses share that may pair noise with data: see `molgen.core.losses.pairing`.

    Attributes:
        pairing: "immiscible" gives noise to the data that are near; not for energy models.
        symmetry: over what noise is moved first; model and data must have it.
        group: graphs among which noise is exchanged.

    Raises:
        UsageError: a number out of its range, or options of a pairing that is not asked for.
    """

    pairing: Literal["independent", "immiscible"] = "independent"
    symmetry: Symmetry = "none"
    group: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group < 1:
            raise UsageError(f"loss: group {self.group} must be at least 1")
        if self.pairing == "independent" and self.symmetry != "none":
            raise UsageError(f"loss: symmetry = '{self.symmetry}' needs pairing = 'immiscible'")

    def corrupted(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        t: Tensor,
        generator: torch.Generator | None,
    ) -> Noised:
        """A clean batch noised to time t `[graphs]`; with paired noise, nothing else is given.

        Raises:
            UsageError: pairing for a model, or of fields, that cannot have it.
        """
        if self.pairing == "independent":
            return corrupt(processes, batch, t, generator)
        if isinstance(model, EnergyModel):
            raise UsageError(
                "pairing = 'immiscible' is not for energy models: paired noise, averaged at a "
                "point, is no gradient of a density; train a model of scores, or without it"
            )
        noise = paired_noise(processes, batch, generator, group=self.group, symmetry=self.symmetry)
        rows = {name: batch.rows[name] for name in batch.state}
        return with_noise(processes, Batch(batch.state, rows, ids=batch.ids), t, noise)
