r"""Diffusion tree sampling: rewards of leaves tell what noised states are worth. Jain et al. 2025.

The reverse process is a tree: a node is a noised state, its children are draws of the next. Its
soft value V(x_t) = log E[exp(reward(x_0)) | x_t] obeys

    V(parent) = log E_child exp V(child),    V(leaf) = reward,

so that draws of children by weight exp V are draws of q exp(reward). Each rollout goes down from
the root, by weight exp of the values so far, to a node that has few children for its visits (fewer
than `breadth` visits^`widening`), and from there by the model to a leaf; what the leaf is worth is
backed up to the root as the log mean exp over children. So what is learnt at low noise corrects
decisions at high noise, and the tree can be grown on at any time.

Leaves are weighed by what they are worth times the odds of their way: for every child that was
chosen among k with chance p, 1 / (k p), which is exp(V(parent) - V(child)) where values are right.
The paper draws leaves by the values instead; but means of what was looked at again for being high
are low (Nie et al. 2018), and so are those values, with many rollouts too. For the same reason a
share of the choices is even, and a node that is visited again has a second child.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from molgen.core.random import branch, uniform
from molgen.core.solvers import STEPWISE, StepwiseSolver, prior
from molgen.core.steering.denoised import Remembered
from molgen.core.steering.draw import Draw
from molgen.core.steering.particles import Steered, log_mean, named, require_weight
from molgen.core.steering.rewards import worth
from molgen.core.steering.tree_levels import Integers, Level, Way, chosen_of, log_mean_of
from molgen.errors import UsageError


class DiffusionTree:
    """The trees of all samples of a draw, one each, grown together.

    Args:
        draw: what is drawn.
        how: the shape of the trees; `how.particles` rollouts is the most they hold.

    Raises:
        UsageError: the solver has no chance in its steps.
    """

    def __init__(self, draw: Draw, how: Tree) -> None:
        self._draw, self._how = draw, how
        self._solve: StepwiseSolver = draw.stepwise("tree", how.solvers)
        self._score = Remembered(draw.model.score)
        self._shapes = named(draw.shapes)
        self._every = np.arange(self._shapes.graphs)
        # the last step adds no noise: by itself it would make children that are all the same
        self._cuts = [*range(0, max(1, draw.steps - 1), how.every), draw.steps]
        self._levels = [Level(how.particles, self._shapes) for _ in self._cuts]
        self._ways: list[Way] = []

    def grow(self, rollouts: int) -> None:
        """So many rollouts more of every sample.

        Raises:
            UsageError: there is no room for them.
            MolgenError: a score is not finite, or the reward cannot be had.
        """
        end = self._grown + rollouts
        if end > self._how.particles:
            raise UsageError(f"a tree made for {self._how.particles} rollouts holds no {end}")
        while self._grown < end:
            wave = range(self._grown, min(self._grown + self._how.at_once, end))
            ways = [self._select(number) for number in wave]
            self._roll_out(wave, ways)
            for way in ways:
                self._back_up(way)
            self._ways += ways

    @property
    def _grown(self) -> int:
        return len(self._ways)

    def steered(self) -> Steered:
        """The leaf of every rollout so far, by weight.

        Raises:
            SteeringError: no leaf of a sample has any weight.
        """
        last, draw, every = self._levels[-1], self._draw, self._every
        leaves = np.stack([way.nodes[-1] for way in self._ways], 1)
        rewards = last.value[every[:, None], leaves]
        weights = torch.as_tensor(rewards + np.stack([way.odds for way in self._ways], 1))
        batch = last.get(every.repeat(self._grown), leaves.flatten())
        require_weight(weights, batch.ids, draw.steps, draw.times[-1].item())
        return Steered.of(
            batch,
            next(iter(batch.state.values())).new_full((batch.graphs,), draw.times[-1].item()),
            weights,
            torch.as_tensor(rewards).flatten(),
            self._score.evaluations / len(every),
            log_mean(weights),
        )

    def _select(self, number: int) -> Way:
        """The way of a rollout, whose new nodes are of its number, and room for them."""
        samples, how = self._every, self._how
        noise = branch(self._draw.generator, torch.as_tensor(samples), number, 0)
        nodes: list[Integers] = []
        odds = np.zeros(len(samples))
        begin = np.full_like(samples, len(self._levels))
        node, visits = np.zeros_like(samples), np.full_like(samples, number)
        for depth, level in enumerate(self._levels):
            children = level.children(node)
            known = children & (level.visits > 0)  # others are being rolled out
            few = children.sum(1) < np.maximum(1.0, how.breadth * visits**how.widening)
            begin = np.where((few | ~known.any(1)) & (begin > depth), depth, begin)
            u = uniform(len(samples), noise).numpy()
            chosen, chance = chosen_of(level.value, known, u, how.even)
            new = begin <= depth
            odds -= np.where(new, 0.0, np.log(chance * np.maximum(known.sum(1), 1)))
            level.made[new, number], level.parent[new, number] = True, node[new]
            node = np.where(new, number, chosen)
            visits = level.visits[samples, node]
            nodes.append(node)
        return Way(nodes, begin, odds)

    def _roll_out(self, wave: range, ways: Sequence[Way]) -> None:
        """States of the new nodes of some rollouts, and what the leaves are worth."""
        draw = self._draw
        samples = np.tile(self._every, len(wave))
        numbers = np.repeat(np.array(wave), len(self._every))
        begin = np.concatenate([way.begin for way in ways])
        for depth, level in enumerate(self._levels):
            active = np.flatnonzero(begin <= depth)
            if not len(active):
                continue
            graphs, own, last = samples[active], numbers[active], level is self._levels[-1]
            noise = branch(draw.generator, torch.as_tensor(graphs), torch.as_tensor(own), depth)
            if depth == 0:
                batch = prior(draw.processes, self._shapes.take(torch.as_tensor(graphs)), noise)
            else:
                parents = np.concatenate([way.nodes[depth - 1] for way in ways])[active]
                batch = self._levels[depth - 1].get(graphs, parents)
                times = draw.times[self._cuts[depth - 1] : self._cuts[depth] + 1]
                batch = self._solve(draw.processes, self._score, batch, times, noise, ends=last)
            level.put(graphs, own, batch)
            if last:
                like = next(iter(batch.state.values()))
                t = like.new_full((len(active),), draw.times[-1].item())
                rewards = worth(draw.reward, draw.ended(batch, t), t, draw.steps)
                level.value[graphs, own] = rewards.double().numpy(force=True)

    def _back_up(self, way: Way) -> None:
        """Visits and values of the nodes that a rollout went through, leaves first."""
        for depth in reversed(range(len(self._levels))):
            level, node = self._levels[depth], way.nodes[depth]
            level.visits[self._every, node] += 1
            if depth:
                parent = way.nodes[depth - 1]
                value = log_mean_of(level.value, level.children(parent) & (level.visits > 0))
                self._levels[depth - 1].value[self._every, parent] = value


@dataclass(frozen=True)
class Tree:
    """Diffusion tree sampling.

    Attributes:
        particles: rollouts of each sample.
        every: solver steps from a level of the tree to the next.
        breadth: children that a node visited once may have.
        widening: power of its visits with which they become more.
        even: share of the choices between children that does not look at their values.
        at_once: rollouts of a sample that begin before the first of them is backed up.

    Raises:
        UsageError: a number out of its range.
    """

    solvers: ClassVar[tuple[str, ...]] = tuple(STEPWISE)
    particles: int = 64
    every: int = 5
    breadth: float = 1.5
    widening: float = 0.6
    even: float = 0.25
    at_once: int = 8

    def __post_init__(self) -> None:
        if self.particles < 1 or self.every < 1 or self.breadth <= 0 or not 0 < self.widening < 1:
            raise UsageError(
                f"steering: particles = {self.particles} and every = {self.every} must be at "
                f"least 1, breadth = {self.breadth:g} positive, widening = {self.widening:g} "
                "between 0 and 1"
            )

    def __call__(self, draw: Draw) -> Steered:
        """Weighted leaves of q(x) exp(reward(x)).

        Raises:
            UsageError: the solver has no chance in its steps.
            SteeringError: no leaf of a sample has any weight.
            MolgenError: a score is not finite, or the reward cannot be had.
        """
        trees = DiffusionTree(draw, self)
        trees.grow(self.particles)
        return trees.steered()
