"""Brownian motion on the rotations: the noising process of orientations."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from molgen.core.batch import Rows
from molgen.core.manifolds import SO3, igso3, so3
from molgen.core.manifolds.igso3 import AngleTable
from molgen.core.processes.process import Corrupted
from molgen.core.processes.schedules import GeometricNoise
from molgen.core.random import Random, normal


@dataclass(frozen=True, kw_only=True)
class Brownian(GeometricNoise):
    r"""dR = R hat(g dW): no drift, geometric noise s(t) in radians, kernel IGSO(3) of width s.

        R_t = R_0 exp(a n),    grad log q(R_t | R_0) = d log f(a) / da n    in the frame of R_t

    De Bortoli et al. 2022; Leach et al. 2022. At sigma_max = 3 the kernel is uniform to 1e-3.

    Attributes:
        manifold: the rotations; padded rows are the identity.
        data_std: spread of the data about one axis, radians; only the time grids use it.
    """

    sigma_min: float = 0.01
    sigma_max: float = 3.0
    manifold: SO3 = field(default_factory=SO3)
    data_std: float = 1.0

    @cached_property
    def _tables(self) -> dict[tuple[torch.dtype, torch.device], AngleTable]:
        """Copies of the one table in the dtypes and on the devices in use."""
        return {(torch.float64, torch.device("cpu")): AngleTable.build(self.sigma_max)}

    def _table(self, like: Tensor) -> AngleTable:
        key = like.dtype, like.device
        if key not in self._tables:
            built = next(iter(self._tables.values()))
            self._tables[key] = built.to(like)
        return self._tables[key]

    def drift(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """Zero."""
        del t, rows
        return torch.zeros_like(x[..., 0])

    def drift_divergence(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """Zero: `[graphs]`."""
        del x, rows
        return torch.zeros_like(t)

    def corrupt(self, x0: Tensor, t: Tensor, rows: Rows, generator: Random) -> Corrupted:
        """A draw of IGSO(3) about `x0`."""
        return self.noised(x0, t, self.manifold.noise(x0, rows, generator), rows)

    def noised(self, x0: Tensor, t: Tensor, eps: Tensor, rows: Rows) -> Corrupted:
        """That of white noise at `x0`, its length taken to the kernel's angle."""
        radius = torch.linalg.vector_norm(eps, dim=-1)
        sigma = self.noise(t)
        width = rows.spread(sigma, radius)
        angle = self._table(x0).angle(radius, width)
        v = (angle / radius.clamp_min(1e-30))[..., None] * eps
        score = igso3.score(v, width.expand_as(radius))
        return Corrupted(self.manifold.exp(x0, v, rows), score, self.score_std(t).reciprocal())

    def kernel_score(self, x: Tensor, x0: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """Along the rotation from `x0` to `x`, which has the same axis in both frames."""
        v = self.manifold.log(x0, x, rows)
        return igso3.score(v, rows.spread(self.noise(t), v)[..., 0].expand(v.shape[:-1]))

    def prior(self, like: Tensor, rows: Rows, generator: Random) -> Tensor:
        """Uniform rotations; padded rows are the identity."""
        eye = torch.eye(3, dtype=like.dtype, device=like.device)
        q = normal(like.new_empty(*like.shape[:-2], 4), rows, generator)
        return rows.zero(so3.of_normal(q) - eye) + eye

    def base_energy(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """Log of the volume, 8 pi^2 for each rotation: `[graphs]`."""
        return self.manifold.dim(x, rows) / 3 * math.log(igso3.VOLUME) + torch.zeros_like(t)

    def base_score(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """Zero."""
        return self.drift(x, t, rows)

    def base_flow(self, x: Tensor, t: Tensor, s: Tensor, rows: Rows) -> Tensor:
        """`x`: what is uniform does not flow."""
        del t, s, rows
        return x

    def score_std(self, t: Tensor) -> Tensor:
        """Root mean square of the kernel's score in one direction: `[graphs]`."""
        return self._table(t).score_std(self.noise(t))

    def standardised(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """The rotation itself."""
        del t, rows
        return x

    def scaled(self, x: Tensor, t: Tensor, s: Tensor, rows: Rows) -> Tensor:
        """`x`: nothing drifts."""
        del t, s, rows
        return x
