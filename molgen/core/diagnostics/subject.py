"""What is diagnosed: a score, its processes, and the points to look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.diagnostics.finding import Estimate
from molgen.core.losses import corrupt
from molgen.core.models import EnergyModel, ScoreModel
from molgen.core.processes import Processes
from molgen.errors import MolgenError

Tell = Callable[[int, int], None]
"""Told (done, to do)."""


@dataclass(frozen=True)
class Subject:
    """A trained score, and where it is looked at.

    Attributes:
        model: the score, in the precision of the points.
        processes: of each field.
        clean: data without noise, at noised forms of which the score is looked at.
        held_out: whether they are data that training did not see; else the model drew them.
        data: held-out data, which may be too few to be `clean`; none if None.
        drawn: the model's own draws at the smallest time; none if None.
        exact: the score in closed form, where there is one.
    """

    model: ScoreModel
    processes: Processes
    clean: Batch
    held_out: bool
    data: Batch | None = None
    drawn: Batch | None = None
    exact: ScoreModel | None = None

    @property
    def energy(self) -> EnergyModel | None:
        """The model, if it knows log q itself."""
        return self.model if isinstance(self.model, EnergyModel) else None

    @property
    def dim(self) -> float:
        """Directions of a graph, on average."""
        return self.dims(self.clean).mean().item()

    def dims(self, batch: Batch) -> Tensor:
        """Directions of each graph: `[graphs]`."""
        return torch.stack(
            [
                process.manifold.dim(batch.state[name], batch.rows[name])
                for name, process in self.processes.items()
            ]
        ).sum(0)

    def repeated(self, count: int) -> Batch:
        """So many clean graphs, each as often as another."""
        like = next(iter(self.clean.state.values()))
        return self.clean.take(torch.arange(count, device=like.device) % self.clean.graphs)


@dataclass(frozen=True)
class Effort:
    """How much is done.

    Attributes:
        levels: of noise.
        points: noised graphs a level at which the score is differentiated.
        draws: noised graphs a level at which it is only asked for.
        drawn: graphs that the model draws itself.
    """

    levels: int
    points: int
    draws: int
    drawn: int

    @classmethod
    def of(cls, dim: float, *, quick: bool = False) -> Self:
        """As much as errors of some percent take: the more directions, the fewer graphs do."""

        def count(numbers: float, least: int, most: int) -> int:
            return int(min(max(numbers / dim, least), most))

        if quick:
            draws, drawn = count(4000, 64, 1024), count(800, 24, 64)
            return cls(levels=5, points=count(256, 6, 64), draws=draws, drawn=drawn)
        draws, drawn = count(40_000, 256, 4096), count(3000, 128, 256)
        return cls(levels=10, points=count(1024, 16, 256), draws=draws, drawn=drawn)


@dataclass(frozen=True)
class Noised:
    """Noised graphs of one level.

    Attributes:
        noise: noise / signal of the first field there.
        t: `[graphs]`, its time.
        batch: the noised graphs.
        target: conditional scores, field by field.
        scale: `[graphs]` a field, one over their typical size.
        distinct: how many graphs there are without noise; graph k is of number k modulo that.
    """

    noise: float
    t: Tensor
    batch: Batch
    target: dict[str, Tensor]
    scale: dict[str, Tensor]
    distinct: int

    @property
    def origin(self) -> Tensor:
        """Which graph without noise each is of: int64 `[graphs]`."""
        return torch.arange(len(self.t), device=self.t.device) % self.distinct

    def mean(self, values: Tensor) -> Estimate:
        """The mean of `[graphs]` values, where only graphs of different origin are independent."""
        values = values.detach().double()
        total = values.new_zeros(self.distinct).index_add(0, self.origin, values)
        return Estimate.of(total / torch.bincount(self.origin))


def noise_levels(processes: Processes, count: int) -> list[tuple[float, float]]:
    """(noise / signal of the first field, time), evenly in log(noise / signal) from the least."""
    first = next(iter(processes.values()))
    ends = torch.tensor([first.t_min, 1.0], dtype=torch.float64)
    low, high = torch.log(first.noise(ends) / first.signal(ends)).tolist()
    ratios = torch.linspace(low, high, count, dtype=torch.float64).exp()
    times = first.time_of(ratios).clamp(first.t_min, 1.0)
    return list(zip(ratios.tolist(), times.tolist(), strict=True))


def noised_levels(
    subject: Subject,
    levels: int,
    graphs: int,
    generator: torch.Generator,
    tell: Tell,
) -> Iterator[Noised]:
    """The clean graphs noised to each level in turn, from the least."""
    clean = subject.repeated(graphs)
    like = next(iter(clean.state.values()))
    for done, (noise, time) in enumerate(noise_levels(subject.processes, levels)):
        tell(done, levels)
        t = like.new_full((graphs,), time)
        noised = corrupt(subject.processes, clean, t, generator)
        yield Noised(noise, t, *noised, distinct=min(graphs, subject.clean.graphs))
    tell(levels, levels)


def in_chunks(batch: Batch, t: Tensor, size: int) -> Iterator[tuple[Batch, Tensor]]:
    """So many graphs of a batch at a time, with their times."""
    for start in range(0, batch.graphs, size):
        some = torch.arange(start, min(start + size, batch.graphs), device=t.device)
        yield batch.take(some), t[some]


def scores(model: ScoreModel, batch: Batch, t: Tensor, size: int = 256) -> dict[str, Tensor]:
    """The score of a batch of any size, in chunks, without gradients.

    Raises:
        MolgenError: it is not finite.
    """
    with torch.no_grad():
        if batch.graphs <= size:
            found = model.score(batch, t)
        else:
            parts = [model.score(some, times) for some, times in in_chunks(batch, t, size)]
            found = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    for name, score in found.items():
        if not torch.isfinite(score).all():
            raise MolgenError(
                f"diagnosis, t = {t.min().item():.4g}: the score of field '{name}' is not finite; "
                "check the checkpoint"
            )
    return found
