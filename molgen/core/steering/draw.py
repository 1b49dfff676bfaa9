"""What every way of steering is given, and what it gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast

from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.models import ScoreModel
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers import Solver, StepwiseSolver
from molgen.core.steering.denoised import denoised
from molgen.core.steering.particles import Steered
from molgen.core.steering.rewards import Reward
from molgen.errors import UsageError


def clean(batch: Batch, t: Tensor) -> Batch:
    """The state as it is: what a reward is asked of at the end, where no noise is left."""
    del t
    return batch


@dataclass(frozen=True)
class Draw:
    """What is to be drawn, from the law ~ q(x) exp(reward(x)) of a model's q.

    Attributes:
        model: of the score.
        processes: of each field.
        shapes: one graph a sample; the state only says the shapes. Its `ids` name the samples.
        times: from 1 to t_min, decreasing.
        solver: name in `molgen.core.solvers.SOLVERS`.
        solve: that solver, with its options.
        reward: what the draws are steered towards.
        generator: source of randomness; with `Streams`, a sample is the same in any batch.
        ended: what the reward is asked of at the end: the state, or what a draw is decoded from.
    """

    model: ScoreModel
    processes: Processes
    shapes: Batch
    times: Tensor
    solver: str
    solve: Solver
    reward: Reward
    generator: Random
    ended: Callable[[Batch, Tensor], Batch] = clean

    @property
    def steps(self) -> int:
        """Of the solver."""
        return len(self.times) - 1

    def step(self, t: Tensor) -> int:
        """How many steps have been taken at a time, `[graphs]`, the same for all."""
        return int((self.times - t[0].item()).abs().argmin())

    def stepwise(self, method: str, among: tuple[str, ...]) -> StepwiseSolver:
        """The solver, where its steps can be taken one by one.

        Args:
            method: who asks.
            among: the solvers it can use.

        Raises:
            UsageError: they cannot; those that can are named.
        """
        if self.solver not in among:
            raise UsageError(
                f"{method} takes the steps of a solver one by one, with chance in each: it cannot "
                f"use {self.solver}; choose {', '.join(among)}"
            )
        return cast(StepwiseSolver, self.solve)

    def decoded_by_score(self) -> Draw:
        """The same for draws that are decoded from what their last score says they were."""

        def ended(batch: Batch, t: Tensor) -> Batch:
            return denoised(self.processes, self.model.score(batch, t), batch, t)

        return dataclasses.replace(self, ended=ended)


class Steering(Protocol):
    """A way of steering: options are its attributes.

    Attributes:
        solvers: names of those it can use.
    """

    solvers: ClassVar[tuple[str, ...]]

    def __call__(self, draw: Draw) -> Steered:
        """What it draws."""
        ...
