r"""Categories that diffuse: one-hot vectors under a linear process, and models of what they were.

A category k of K stands at the corner c_k = e_k - pi of a simplex centred on the frequencies pi,
so that a featureless field has mean zero. A model answers p(k | state at t) for every row, which is
a score by way of the posterior mean:

    D = sum_k p_k c_k,    grad log q(x, t) = (m D - x) / s^2

(Vincent 2011; with cross-entropy for its loss, Eijkelboom et al. 2024). Rows that know nothing of
each other have these probabilities in closed form, and networks need only learn what rows tell of
each other:

    log p_k = log pi_k + (m <c_k, x> - m^2 |c_k|^2 / 2) / s^2 + const
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.compiled import compiled
from molgen.core.models.known import Place
from molgen.core.processes import Processes
from molgen.core.softmax import log_softmax
from molgen.errors import MolgenError

_CERTAIN = 12.0


class Encoding(Protocol):
    """How the types of rows become coordinates, and back."""

    @property
    def std(self) -> float:
        """Standard deviation of the coordinates along one direction, for a process's `data_std`."""
        ...

    @property
    def width(self) -> int:
        """Coordinates of a row."""
        ...

    def encode(self, classes: Tensor) -> Tensor:
        """Integers `[*rows]` to coordinates `[*rows, width]`."""
        ...

    def decode(self, x: Tensor) -> Tensor:
        """Coordinates `[*rows, width]` to the nearest types, int64 `[*rows]`."""
        ...

    def plain(self, x0: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
        """A point of the noised space that leaves as little doubt of the types as can be.

        Args:
            x0: `[*rows, width]`, the coordinates of the types.
            signal: m(t), broadcasting against `x0`.
            noise: s(t), alike.
        """
        ...


class Orders(nn.Module):
    """Types that are numbers, such as bond orders: type k is the coordinate k.

    Args:
        frequencies: `[K]`, how frequent each type is; they need not sum to one.
    """

    width = 1

    def __init__(self, frequencies: Tensor) -> None:
        super().__init__()
        pi, k = frequencies.double() / frequencies.sum(), torch.arange(len(frequencies))
        self.most = len(frequencies) - 1
        self.std = math.sqrt(((pi * k.square()).sum() - (pi * k).sum().square()).item())

    def encode(self, classes: Tensor) -> Tensor:
        """`[*rows]` to `[*rows, 1]`."""
        return classes[..., None].float()

    def decode(self, x: Tensor) -> Tensor:
        """The nearest number that is a type."""
        return x.squeeze(-1).round().clamp(0, self.most).long()

    def plain(self, x0: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
        """m x_0: no point makes a number between two others certain."""
        del noise
        return signal * x0


class Categories(nn.Module):
    """Types without order, at the corners of a simplex.

    Args:
        frequencies: `[K]`, how frequent each category is; they need not sum to one.

    Raises:
        MolgenError: a frequency is not positive.
    """

    def __init__(self, frequencies: Tensor) -> None:
        super().__init__()
        if not (frequencies > 0).all():
            raise MolgenError(f"categories: frequencies {frequencies.tolist()} must be positive")
        pi = frequencies.double() / frequencies.sum()
        corners = torch.eye(len(pi), dtype=torch.float64) - pi
        self.register_buffer("log_pi", pi.log().float(), persistent=False)
        self.register_buffer("corners", corners.float(), persistent=False)
        self.log_pi: Tensor
        self.corners: Tensor
        # of one category alone there is nothing to know: its rows are noise, of any width
        self.std = math.sqrt((pi * (1 - pi)).mean().item()) or 1.0
        self.width = len(pi)

    def encode(self, classes: Tensor) -> Tensor:
        """Integers `[*rows]` to corners `[*rows, K]`."""
        return self.corners[classes.long()]

    def decode(self, x: Tensor) -> Tensor:
        """The nearest corner, which maximises <c_k, x> - |c_k|^2 / 2."""
        return (x @ self.corners.mT - 0.5 * self.corners.square().sum(1)).argmax(-1)

    def alone(self, x: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
        """log p_k of each row given that row only, `[*rows, K]`, not normalised.

        Args:
            x: `[*rows, K]`, noised.
            signal: m(t), broadcasting against `x`.
            noise: s(t), alike.
        """
        norms = 0.5 * self.corners.square().sum(1)
        return self.log_pi + signal / noise.square() * (x @ self.corners.mT - signal * norms)

    def plain(self, x0: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
        """A point at which no doubt is left of the corners `x0`.

        m c_k moved towards its own category, by as much as makes that e^12 times likelier than any
        other at this noise: <e_k - e_j, e_k> = 1.
        """
        own = nn.functional.one_hot(x0.argmax(-1), self.width).to(x0)
        return signal * x0 + _CERTAIN * noise.square() / signal * (own - 1 / self.width)

    def mean(self, p: Tensor) -> Tensor:
        """The posterior mean of probabilities `[*rows, K]`: `[*rows, K]`."""
        return p @ self.corners

    def probabilities(self, mean: Tensor) -> Tensor:
        """Those of which this is the posterior mean, D + pi: `[*rows, K]`; of padding, pi."""
        return mean + self.log_pi.exp()


def by_themselves(
    processes: Processes, encodings: Mapping[str, Categories], batch: Batch, t: Tensor
) -> dict[str, Tensor]:
    """log p of each row given that row only, `[*rows, K]` a field: all that networks need to see.

    What rows tell of each other depends on state and time by these alone, as the probability of all
    categories G together is that of independent rows times a factor of G only:

        p(G | x) ~ P(G) prod_rows N(x_row; m c, s^2) ~ P(G) prod_rows p_row(G_row) / pi(G_row)
    """
    alone = {}
    for name, process in processes.items():
        x, rows = batch.state[name], batch.rows[name]
        m, s = (rows.spread(part, x) for part in (process.signal(t), process.noise(t)))
        alone[name] = log_softmax(encodings[name].alone(x, m, s))
    return alone


def plainly(processes: Processes, encodings: Mapping[str, Encoding]) -> Place:
    """Where models of these categories look for known rows: where there is no doubt of them."""

    def place(name: str, clean: Tensor, t: Tensor, batch: Batch) -> Tensor:
        process, rows = processes[name], batch.rows[name]
        m, s = (rows.spread(part, clean) for part in (process.signal(t), process.noise(t)))
        return process.manifold.project(encodings[name].plain(clean, m, s), rows)

    return place


class CategoricalModel(nn.Module):
    """A score model of categorical fields: closed-form probabilities times a learned correction.

    Args:
        processes: the linear process of each field.
        encodings: the categories of each field.
        network: `network(rows, alone) -> {field: [*rows, K]}` of `by_themselves`, added to it.
    """

    def __init__(
        self, processes: Processes, encodings: Mapping[str, Categories], network: nn.Module
    ) -> None:
        super().__init__()
        self.processes = dict(processes)
        held: Any = nn.ModuleDict(encodings)  # moves with the model
        self.encodings: Mapping[str, Categories] = held
        self.network = network

    def accelerate(self, *, sizes_vary: bool = False) -> None:
        """Compile `log_probabilities` for the shapes it meets."""
        fused = compiled(self.log_probabilities, "the model", sizes_vary=sizes_vary)
        self.log_probabilities = fused  # type: ignore[method-assign]

    def log_probabilities(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """log p(category | state at t) of each field, `[*rows, K]`; `t`: `[graphs]`."""
        alone = by_themselves(self.processes, self.encodings, batch, t)
        learned: dict[str, Tensor] = self.network(batch.rows, alone)
        return {name: log_softmax(alone[name] + learned[name]) for name in alone}

    def cross_entropy(self, clean: Batch, noised: Batch, t: Tensor) -> dict[str, Tensor]:
        """-log p(what it was | state at t), summed over the rows of each field: `[graphs]` each."""
        sums = {}
        for name, log_p in self.log_probabilities(noised, t).items():
            manifold, rows = self.processes[name].manifold, clean.rows[name]
            true = nn.functional.one_hot(clean.state[name].argmax(-1), log_p.shape[-1])
            sums[name] = -manifold.inner(manifold.project(true.to(log_p), rows), log_p, rows)
        return sums

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t) of each field, in tangent coordinates; `t`: `[graphs]`."""
        scores = {}
        for name, log_p in self.log_probabilities(batch, t).items():
            process, x, rows = self.processes[name], batch.state[name], batch.rows[name]
            mean = process.manifold.project(self.encodings[name].mean(log_p.exp()), rows)
            m, s = (rows.spread(part, x) for part in (process.signal(t), process.noise(t)))
            scores[name] = (m * mean - x) / s.square()
        return scores

    def classes(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """The likeliest category of each row: int64 `[*rows]`; padded rows mean nothing."""
        return {name: p.argmax(-1) for name, p in self.log_probabilities(batch, t).items()}
