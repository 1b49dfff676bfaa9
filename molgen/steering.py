"""Steering as users ask for it: rewards by name or any function, how they steer, and what it said.

A reward is `NAME[=VALUE][:WEIGHT]`, such as `qed:10`, `logp=2.5` or `substructure=c1ccccc1:5`; what
is drawn has the law ~ q(x) exp(sum of weights times rewards), of the model's q. A way of steering
is `NAME[,OPTION=VALUE...]`, such as `feynman-kac,every=2,potential=max`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from molgen.config import Recipe
from molgen.core.batch import Batch
from molgen.core.random import Random, branch
from molgen.core.steering import STEERINGS, Draw, Reward, Steering, total
from molgen.core.steering.draw import clean
from molgen.errors import UsageError
from molgen.families import build, choose, part_of
from molgen.rewards import RewardFactory, Subject, Term
from molgen.sampler import SampleTable
from molgen.solver import name_of

DEFAULT = "feynman-kac"

Record = dict[str, list[float]]
"""What is told of steered samples, one number each, by name."""


@dataclass(frozen=True)
class SteerPlan:
    """What steers draws, and how.

    Attributes:
        terms: rewards.
        method: name in `molgen.core.steering.STEERINGS`.
        how: the same with its options.
        keep: draws that are taken from the particles of each sample.
    """

    terms: tuple[Term, ...]
    method: str = DEFAULT
    how: Steering = field(default_factory=lambda: STEERINGS[DEFAULT]())
    keep: int = 1

    @classmethod
    def of(
        cls,
        steer: Sequence[str | Reward | tuple[str | Reward, float]] | None,
        method: str | None = None,
        particles: int | None = None,
        keep: int | None = None,
    ) -> Self | None:
        """The plan of the options of a command; None where nothing steers.

        Args:
            steer: rewards, see `Term.of`.
            method: `NAME[,OPTION=VALUE...]`; Feynman-Kac steering if None.
            particles: of each sample.
            keep: of them, at most.

        Raises:
            UsageError: options without rewards, or ones that mean nothing.
        """
        if not steer:
            if method is not None or particles is not None or keep is not None:
                raise UsageError("there is nothing to steer by: give --steer NAME, such as qed:10")
            return None
        part = part_of(method or DEFAULT, "--steering")
        name = part.kind
        takes = inspect.signature(choose(STEERINGS, name, "way of steering")).parameters
        if particles is not None:
            if "particles" not in takes:
                raise UsageError(f"steering by {name} has no particles: leave their number out")
            part.options["particles"] = particles
        how = build(part, STEERINGS, "--steering")
        most = getattr(how, "particles", 1)
        if keep is not None and not 1 <= keep <= most:
            raise UsageError(f"{keep} particles to keep of {most}: from 1 to as many as there are")
        return cls(tuple(map(Term.of, steer)), name, how, keep or 1)

    @property
    def particles(self) -> int:
        """Of each sample."""
        return int(getattr(self.how, "particles", 1))

    def solver(self, recipe: Recipe, asked: str | None) -> str | None:
        """The solver to take: what was asked for; None, the recipe's, where that can be steered."""
        usual = name_of(SampleTable.of(recipe).solver)
        return asked if asked or usual in self.how.solvers else self.how.solvers[0]

    def check(self, factories: Mapping[str, RewardFactory[Subject]], solver: str) -> None:
        """Nothing, where its rewards are among a pillar's and it can use a solver.

        Raises:
            UsageError: one is not, or it cannot.
        """
        if name_of(solver) not in self.how.solvers:
            raise UsageError(
                f"steering by {self.method} cannot use the solver {solver}; choose "
                f"{', '.join(self.how.solvers)}"
            )
        for term in self.terms:
            if term.reward is None:
                choose(factories, term.name, "reward")

    def said(self) -> dict[str, Any]:
        """As JSON has it."""
        options = dataclasses.asdict(self.how)  # type: ignore[call-overload]
        return {"by": [str(term) for term in self.terms], "method": self.method, **options} | (
            {"keep": self.keep} if self.keep > 1 else {}
        )

    def ready(
        self, factories: Mapping[str, RewardFactory[Subject]], subject: Subject, **more: Any
    ) -> Steerer:
        """The plan with its rewards made.

        Args:
            factories: a pillar's rewards by name.
            subject: what they are made for.
            **more: see `Steerer`.

        Raises:
            UsageError: no such reward, or a value that means nothing to it.
        """
        made = []
        for term in self.terms:
            reward = term.reward
            if reward is None:
                reward = choose(factories, term.name, "reward")(subject, term.value)
            made.append((term.weight, reward))
        return Steerer(self, total(made), **more)


@dataclass(frozen=True)
class Steerer:
    """Draws samples that are steered, and notes what it said.

    Attributes:
        plan: how.
        reward: the sum of all.
        by_score: draws are decoded from what their last score says they were, so rewards are, too.
        record: of the samples drawn so far.
    """

    plan: SteerPlan
    reward: Reward
    by_score: bool = False
    record: Record = field(default_factory=dict)

    def integrate(
        self, table: SampleTable, model: Any, batch: Batch, generator: Random
    ) -> tuple[Batch, Tensor]:
        """Draws shaped as `batch`, `plan.keep` of each graph in turn; the time they are at.

        Args:
            table: solver, steps and grid.
            model: with `processes` and `score`.
            batch: what is given; its state only says the shapes, its ids name the samples.
            generator: source of randomness.

        Raises:
            UsageError: a solver, grid or reward that this way of steering cannot use.
            SteeringError: none of a sample's particles has any weight.
            MolgenError: a score is not finite, or the reward cannot be had.
        """
        if table.teleport is not None:
            raise UsageError("steered draws walk all the way from noise: leave teleportation out")
        draw = Draw(
            model,
            model.processes,
            batch,
            table.placed(next(iter(model.processes.values()))),
            name_of(table.solver),
            table.solve(),
            self.reward,
            generator,
            clean,
        )
        with torch.no_grad():
            steered = self.plan.how(draw.decoded_by_score() if self.by_score else draw)
        every = torch.arange(batch.graphs)
        picked, t, rewards = steered.pick(self.plan.keep, branch(generator, every, _PICK))
        of_each = {
            "reward": rewards.reshape(batch.graphs, -1).mean(1),
            "effective": steered.ess[-1],
            "smallest": steered.ess.amin(0),
            "resampled": steered.resampled,
            "evaluations": torch.full((batch.graphs,), steered.evaluations),
        }
        if steered.log_normaliser is not None:
            of_each["log_normaliser"] = steered.log_normaliser
        for name, values in of_each.items():
            self.record.setdefault(name, []).extend(values.tolist())
        return picked, t

    def noted(self) -> Record:
        """The record, which begins anew."""
        record = dict(self.record)
        self.record.clear()
        return record


_PICK = 1
"""Of the random numbers by which draws are taken from particles."""


def summary(plan: SteerPlan, records: Iterable[Record]) -> dict[str, Any]:
    """What steered and what it said, as JSON has it.

    `log_normaliser`: of the mean over samples of their estimates of E exp(reward), which each is
    without bias; `effective_particles`: after the last step, and the fewest at any time.

    Args:
        plan: how they were steered.
        records: of the samples, in parts.
    """
    whole: dict[str, list[float]] = {}
    for record in records:
        for name, values in record.items():
            whole.setdefault(name, []).extend(values)
    mean = {name: float(np.mean(values)) for name, values in whole.items()}
    said = plan.said()
    if "log_normaliser" in whole:
        log_z = np.array(whole["log_normaliser"])
        top = log_z.max()
        z = np.exp(log_z - top)
        said["log_normaliser"] = round(float(top + np.log(z.mean())), 4)
        if len(z) > 1:
            error = z.std(ddof=1) / math.sqrt(len(z)) / z.mean()
            said["log_normaliser_error"] = round(float(error), 4)
    return {
        **said,
        "effective_particles": {
            "last": round(mean["effective"], 2),
            "fewest": round(min(whole["smallest"]), 2),
        },
        "chosen_among": round(mean["resampled"], 2),
        "evaluations_a_sample": round(mean["evaluations"], 1),
        "mean_reward": round(mean["reward"], 4),
    }
