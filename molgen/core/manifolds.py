"""Where a field lives. Four methods make every process, loss and solver work on it.

Tangent vectors are coordinates in an orthonormal frame: white noise has unit variance along each of the
`dim` directions, and `inner` is the metric.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from molgen.core.batch import Rows


class Manifold(Protocol):
    """A space with geodesics. `x` are points, `v` tangent vectors, `rows` say which graph is whose."""

    def exp(self, x: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """The point reached from `x` along the geodesic `v`."""
        ...

    def log(self, x: Tensor, y: Tensor, rows: Rows) -> Tensor:
        """The tangent vector at `x` that reaches `y`: `exp(x, log(x, y)) = y`."""
        ...

    def noise(self, like: Tensor, rows: Rows, generator: torch.Generator | None) -> Tensor:
        """White noise in the tangent space at the point `like`: unit variance in each direction."""
        ...

    def inner(self, u: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """Inner product of tangent vectors, summed over the rows of each graph: `[graphs]`."""
        ...

    def dim(self, x: Tensor, rows: Rows) -> Tensor:
        """Number of independent directions of each graph's state: `[graphs]`."""
        ...

    def project(self, v: Tensor, rows: Rows) -> Tensor:
        """The tangent part of `v` (no padding, no drift of the centre, symmetric, ...)."""
        ...

    def gradient(self, x: Tensor, ambient: Tensor, rows: Rows) -> Tensor:
        """The Riemannian gradient, in tangent coordinates, from the derivative by the entries of `x`."""
        ...

    def frame(self, x: Tensor, rows: Rows) -> Iterator[Tensor]:
        """Tangent vectors e_k with sum_k <e_k, A e_k> = trace(A) for each graph: for exact divergences."""
        ...


class Euclidean:
    """Plain vectors; padded rows stay zero."""

    def exp(self, x: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """`x + v`."""
        del rows
        return x + v

    def log(self, x: Tensor, y: Tensor, rows: Rows) -> Tensor:
        """`y - x`."""
        del rows
        return y - x

    def noise(self, like: Tensor, rows: Rows, generator: torch.Generator | None) -> Tensor:
        """Standard normal, projected on the tangent space."""
        eps = torch.empty_like(like).normal_(generator=generator)
        return self.project(eps, rows)

    def inner(self, u: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """Sum of products over all entries of a graph."""
        return rows.total(u * v).reshape(rows.graphs, -1).sum(1)

    def dim(self, x: Tensor, rows: Rows) -> Tensor:
        """Rows times features."""
        return rows.count(x) * rows.width(x)

    def project(self, v: Tensor, rows: Rows) -> Tensor:
        """`v` with padding zeroed."""
        return rows.zero(v)

    def gradient(self, x: Tensor, ambient: Tensor, rows: Rows) -> Tensor:
        """The derivative itself, projected."""
        del x
        return self.project(ambient, rows)

    def frame(self, x: Tensor, rows: Rows) -> Iterator[Tensor]:
        """The unit vectors, projected: a tight frame of the tangent space. Dense rows only."""
        flat = x.new_zeros(rows.graphs, x[0].numel())
        for k in range(flat.shape[1]):
            unit = flat.clone()
            unit[:, k] = 1.0
            yield self.project(unit.reshape(x.shape), rows)


class Centred(Euclidean):
    """Vectors whose mean over the rows of each graph is zero: positions without their centre.

    `n` rows of `d` features have `(n - 1) d` independent directions.
    """

    def dim(self, x: Tensor, rows: Rows) -> Tensor:
        """(rows - 1) times features."""
        return (rows.count(x) - 1) * rows.width(x)

    def project(self, v: Tensor, rows: Rows) -> Tensor:
        """`v` minus its mean over the rows of each graph."""
        total = rows.total(v)
        count = rows.count(v).reshape(-1, *(1,) * (total.ndim - 1))
        return rows.zero(v - rows.back(total / count, v))


class Symmetric(Euclidean):
    """Symmetric matrices with zero diagonal: `[graphs, N, N, *channels]`, undirected edges.

    The independent coordinates are the entries above the diagonal, C n(n-1)/2 of them.
    """

    def inner(self, u: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """Sum of products over the entries above the diagonal."""
        return 0.5 * super().inner(u, v, rows)

    def noise(self, like: Tensor, rows: Rows, generator: torch.Generator | None) -> Tensor:
        """Standard normal above the diagonal, mirrored below it."""
        eps = torch.empty_like(like).normal_(generator=generator)
        upper = eps * _upper(like)
        return rows.zero(upper + upper.transpose(1, 2))

    def dim(self, x: Tensor, rows: Rows) -> Tensor:
        """Edges above the diagonal times channels."""
        upper = _upper(x).expand(x.shape)
        return rows.total(upper).reshape(rows.graphs, -1).sum(1)

    def project(self, v: Tensor, rows: Rows) -> Tensor:
        """The symmetric part of `v`, diagonal and padding zeroed."""
        symmetric = 0.5 * (v + v.transpose(1, 2))
        upper = _upper(v)
        return rows.zero(symmetric * (upper + upper.transpose(1, 2)))

    def gradient(self, x: Tensor, ambient: Tensor, rows: Rows) -> Tensor:
        """G + G^T: an entry and its mirror move together, dE = sum_{i<j} (G_ij + G_ji) dA_ij."""
        del x
        return 2.0 * self.project(ambient, rows)

    def frame(self, x: Tensor, rows: Rows) -> Iterator[Tensor]:
        """Each edge twice (entry and mirror), scaled so that the two make one unit vector."""
        for unit in super().frame(x, rows):
            yield unit * 2**0.5


def _upper(like: Tensor) -> Tensor:
    """Ones above the diagonal, `[1, N, N, 1, ...]` with the rank of `like`."""
    n = like.shape[1]
    ones = torch.ones(n, n, dtype=like.dtype, device=like.device).triu(1)
    return ones.reshape(1, n, n, *(1,) * (like.ndim - 3))
