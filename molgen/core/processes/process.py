r"""What losses, models and solvers ask of a forward noising process, whatever its manifold.

dx = f(x, t) dt + g(t) dW,   t in [0, 1]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from molgen.core.batch import Rows
from molgen.core.manifolds import Manifold
from molgen.core.random import Random


@dataclass(frozen=True)
class Corrupted:
    """A noised field.

    Attributes:
        x_t: the noised point.
        score: grad log q(x_t | x_0), tangent coordinates at `x_t`: the target of denoising.
        scale: `[graphs]`, one over the typical size of `score` in one direction.
    """

    x_t: Tensor
    score: Tensor
    scale: Tensor


class Process(Protocol):
    """A forward process of one field. Times `t` are `[graphs]`."""

    @property
    def manifold(self) -> Manifold:
        """The space the field lives in."""
        ...

    @property
    def t_min(self) -> float:
        """The smallest time that is trained or sampled."""
        ...

    @property
    def data_std(self) -> float:
        """Standard deviation of the data along one direction, in the field's units."""
        ...

    def drift(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """f(x, t), a tangent vector at `x`."""
        ...

    def drift_divergence(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """Divergence of f at `x`: `[graphs]`."""
        ...

    def diffusion(self, t: Tensor) -> Tensor:
        """g(t): `[graphs]`."""
        ...

    def signal(self, t: Tensor) -> Tensor:
        """m(t), the part of the data that is left: `[graphs]`."""
        ...

    def noise(self, t: Tensor) -> Tensor:
        """s(t), the noise added, in the field's units: `[graphs]`."""
        ...

    def time_of(self, ratio: Tensor) -> Tensor:
        """The time at which noise / signal, s(t) / m(t), equals `ratio`."""
        ...

    def corrupt(self, x0: Tensor, t: Tensor, rows: Rows, generator: Random) -> Corrupted:
        """A draw of q(x_t | x_0) with its score."""
        ...

    def noised(self, x0: Tensor, t: Tensor, eps: Tensor, rows: Rows) -> Corrupted:
        """That draw, made of white noise `eps` in the tangent space at `x0`."""
        ...

    def kernel_score(self, x: Tensor, x0: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """grad log q(x_t = x | x_0), a tangent vector at `x`."""
        ...

    def prior(self, like: Tensor, rows: Rows, generator: Random) -> Tensor:
        """A draw of the distribution at t = 1 of featureless data, shaped as `like`."""
        ...

    def base_energy(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """-log density at time t of featureless data, exact at t = 1: `[graphs]`."""
        ...

    def base_score(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """Gradient of -`base_energy`, a tangent vector at `x`."""
        ...

    def base_flow(self, x: Tensor, t: Tensor, s: Tensor, rows: Rows) -> Tensor:
        """A point or tangent vector at time `t` carried to `s` by featureless data's ODE."""
        ...

    def score_std(self, t: Tensor) -> Tensor:
        """Typical size in one direction of the conditional score minus `base_score`: `[graphs]`."""
        ...

    def standardised(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """The noised point `x` as a network wants to see it: of unit size at every time."""
        ...

    def scaled(self, x: Tensor, t: Tensor, s: Tensor, rows: Rows) -> Tensor:
        """`x` at time `t` carried to time `s` by the drift alone."""
        ...


Processes = Mapping[str, Process]
"""A joint process: one `Process` a field."""
