"""What all reverse-time solvers do: step through the times, refuse what is not finite, flow."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.errors import MolgenError

Score = Callable[[Batch, Tensor], dict[str, Tensor]]


class Solver(Protocol):
    """A reverse-time integrator."""

    def __call__(
        self,
        processes: Processes,
        score: Score,
        batch: Batch,
        times: Tensor,
        generator: Random,
    ) -> Batch:
        """The batch carried from `times[0]` to `times[-1]`."""
        ...


class StepwiseSolver(Protocol):
    """A solver with chance and without memory: a walk may be interrupted after any of its steps."""

    def __call__(
        self,
        processes: Processes,
        score: Score,
        batch: Batch,
        times: Tensor,
        generator: Random,
        *,
        ends: bool = True,
    ) -> Batch:
        """The batch carried from `times[0]` to `times[-1]`; `ends`: where the whole walk ends."""
        ...


@dataclass(frozen=True)
class Step:
    """One step from time `start` down to `stop`; t and s are they as `[graphs]` tensors."""

    number: int
    start: float
    stop: float
    t: Tensor
    s: Tensor
    last: bool

    def begun(self, start: float) -> Step:
        """The same step, begun at another time."""
        return dataclasses.replace(self, start=start, t=torch.full_like(self.t, start))

    def ended(self, stop: float) -> Step:
        """The same step, ended at another time."""
        return dataclasses.replace(self, stop=stop, s=torch.full_like(self.s, stop))


def steps(times: Tensor, batch: Batch, *, ends: bool = True) -> Iterator[Step]:
    """The steps between consecutive times.

    Args:
        times: decreasing.
        batch: says how many graphs there are, and their dtype.
        ends: whether the last of these steps is the last of the walk.

    Raises:
        MolgenError: the times do not decrease.
    """
    like = next(iter(batch.state.values()))
    values = times.tolist()
    for i, (start, stop) in enumerate(itertools.pairwise(values)):
        if not stop < start:
            raise MolgenError(f"solver times must decrease, but {stop:.6g} follows {start:.6g}")
        t, s = (like.new_full((batch.graphs,), time) for time in (start, stop))
        yield Step(i, start, stop, t, s, ends and i == len(values) - 2)


def finite(scores: dict[str, Tensor], step: Step) -> dict[str, Tensor]:
    """The scores, once they are seen to be finite.

    Raises:
        MolgenError: one is not; the field, the step and the time are named.
    """
    for name, value in scores.items():
        if not torch.isfinite(value).all():
            raise MolgenError(
                f"sampling step {step.number}, t = {step.start:.4g}: the score of field '{name}' "
                "is not finite; check the checkpoint or take more steps"
            )
    return scores


def estimate(
    processes: Processes, score: Score, batch: Batch, t: Tensor, step: Step
) -> dict[str, Tensor]:
    """The noise that the score says is in x_t, eps = -s(t) score, of each field: one evaluation.

    Raises:
        MolgenError: a score is not finite.
    """
    scores = finite(score(batch, t), step)
    return {
        name: -batch.rows[name].spread(process.noise(t), scores[name]) * scores[name]
        for name, process in processes.items()
    }


def flow(processes: Processes, batch: Batch, eps: dict[str, Tensor], step: Step) -> Batch:
    """The flow from t to s with eps as it is: x_s = m_s/m_t x + (s_s - m_s/m_t s_t) eps."""
    new = {}
    for name, process in processes.items():
        rows = batch.rows[name]
        ratio = process.signal(step.s) / process.signal(step.t)
        move = process.noise(step.s) - ratio * process.noise(step.t)
        x = process.scaled(batch.state[name], step.t, step.s, rows)
        new[name] = process.manifold.exp(x, rows.spread(move, eps[name]) * eps[name], rows)
    return batch.replace(**new)
