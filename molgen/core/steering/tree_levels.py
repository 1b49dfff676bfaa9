"""The levels of diffusion trees: their nodes, and how one is chosen among children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.steering.particles import copied

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Level:
    """The nodes of one depth of all trees; rollout n of a sample makes node n, if any.

    Args:
        rollouts: of each sample, at most.
        shapes: one graph a sample.

    Attributes:
        states: of all nodes, one sample's after the other's.
        made: bool `[samples, rollouts]`, whether there is such a node.
        parent: int `[samples, rollouts]`, its node of the level above; 0 for the root.
        value: float `[samples, rollouts]`, its soft value.
        visits: int `[samples, rollouts]`, rollouts that went through it.
    """

    def __init__(self, rollouts: int, shapes: Batch) -> None:
        size = (shapes.graphs, rollouts)
        self.states = copied(shapes, rollouts)
        self.made = np.zeros(size, bool)
        self.parent = np.zeros(size, np.int64)
        self.value = np.full(size, -np.inf)
        self.visits = np.zeros(size, np.int64)

    def get(self, samples: Integers, nodes: Integers) -> Batch:
        """The states of some nodes, `[k]`."""
        return self.states.take(self._places(samples, nodes))

    def put(self, samples: Integers, nodes: Integers, batch: Batch) -> None:
        """The states of some nodes, `[k]`, one graph each."""
        places = self._places(samples, nodes)
        new = {}
        for name, value in self.states.state.items():
            rows = self.states.rows[name].take(places)[1]
            new[name] = value.index_copy(0, rows, batch.state[name].to(value))
        self.states = self.states.replace(**new)

    def children(self, parents: Integers) -> NDArray[np.bool_]:
        """Which nodes are children of one node of each sample: `[samples, rollouts]`."""
        found: NDArray[np.bool_] = self.made & (self.parent == parents[:, None])
        return found

    def _places(self, samples: Integers, nodes: Integers) -> Tensor:
        device = next(iter(self.states.state.values())).device
        return torch.as_tensor(samples * self.made.shape[1] + nodes, device=device)


@dataclass(frozen=True)
class Way:
    """From the root to a leaf.

    Attributes:
        nodes: `[samples]` for each level.
        begin: `[samples]`, the level from which on the nodes are new.
        odds: `[samples]`, log of how likely it is where children are chosen evenly, by how likely
            it was.
    """

    nodes: Sequence[Integers]
    begin: Integers
    odds: Floats


def log_mean_of(values: Floats, among: NDArray[np.bool_]) -> Floats:
    """log of the mean of exp(value) over some of each row."""
    total: Floats = np.logaddexp.reduce(np.where(among, values, -np.inf), axis=1)
    total -= np.log(among.sum(1))
    return total


def chosen_of(
    values: Floats, among: NDArray[np.bool_], u: Floats, even: float
) -> tuple[Integers, Floats]:
    """A place of each row by weight exp(value), of which `u` is the quantile, and its chance.

    A share `even` of all weight is the same for all that may be; all of it where none has weight.
    Where none may be: 0, with chance 1.
    """
    values = np.where(among, values, -np.inf)
    most = values.max(1, keepdims=True)
    weights = np.where(among, np.exp(values - np.where(most > -np.inf, most, 0.0)), 0.0)
    weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-300)
    flat = among / np.maximum(among.sum(1, keepdims=True), 1)
    chance = np.where(weights.any(1, keepdims=True), (1 - even) * weights + even * flat, flat)
    share = chance.cumsum(1)
    place = (share <= u[:, None] * share[:, -1:]).sum(1) * among.any(1)
    return place, np.where(among.any(1), chance[np.arange(len(u)), place], 1.0)
