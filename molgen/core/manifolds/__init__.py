"""Where a field lives: flat space, flat space without its centre, symmetric matrices, rotations.

Tangent vectors are coordinates in an orthonormal frame: white noise has unit variance along each of
the `dim` directions, and `inner` is the metric. Where a vector space is cut down (no centre, no
diagonal), both a point and a tangent vector satisfy the condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor

from molgen.core.manifolds import so3
from molgen.core.random import Random, normal
from molgen.core.rows import Rows


class Manifold(Protocol):
    """A space with geodesics: `x` are points, `v` tangent vectors, `rows` tell whose they are."""

    def exp(self, x: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """The point reached from `x` along the geodesic `v`."""
        ...

    def log(self, x: Tensor, y: Tensor, rows: Rows) -> Tensor:
        """The tangent vector at `x` that reaches `y`: `exp(x, log(x, y)) = y`."""
        ...

    def noise(self, like: Tensor, rows: Rows, generator: Random) -> Tensor:
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
        """The gradient in tangent coordinates, from the derivative by the entries of `x`."""
        ...

    def bracket(self, u: Tensor, v: Tensor) -> Tensor:
        """The Lie bracket of the tangent fields whose coordinates are `u` and `v` everywhere."""
        ...

    def frame(self, x: Tensor, rows: Rows) -> Iterator[Tensor]:
        """Tangent vectors e_k with sum_k <e_k, A e_k> = trace(A) in each graph, for divergences."""
        ...


class Euclidean:
    """Plain vectors; padded rows stay zero."""

    def exp(self, x: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """Plain addition."""
        del rows
        return x + v

    def log(self, x: Tensor, y: Tensor, rows: Rows) -> Tensor:
        """Plain subtraction."""
        del rows
        return y - x

    def noise(self, like: Tensor, rows: Rows, generator: Random) -> Tensor:
        """Standard normal, projected on the tangent space."""
        eps = normal(like, rows, generator)
        return self.project(eps, rows)

    def inner(self, u: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """Sum of products over all entries of a graph."""
        return _sum(u * v, rows)

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

    def bracket(self, u: Tensor, v: Tensor) -> Tensor:
        """Zero: shifts commute."""
        del v
        return torch.zeros_like(u)

    def frame(self, x: Tensor, rows: Rows) -> Iterator[Tensor]:
        """The unit vectors, projected: a tight frame of the tangent space."""
        for unit in rows.units(x):
            yield self.project(unit, rows)


class Centred(Euclidean):
    """Vectors whose mean over the rows of each graph is zero: positions without their centre.

    `n` rows of `d` features have `(n - 1) d` independent directions.
    """

    def dim(self, x: Tensor, rows: Rows) -> Tensor:
        """(rows - 1) times features."""
        return (rows.count(x) - 1).clamp_min(0) * rows.width(x)

    def project(self, v: Tensor, rows: Rows) -> Tensor:
        """`v` minus its mean over the rows of each graph."""
        total = rows.total(v)
        count = rows.count(v).clamp_min(1).reshape(-1, *(1,) * (total.ndim - 1))
        return rows.zero(v - rows.back(total / count, v))


class Symmetric(Euclidean):
    """Symmetric matrices with zero diagonal: `[graphs, N, N, *channels]`, undirected edges.

    The independent coordinates are the entries above the diagonal, C n(n-1)/2 of them.
    """

    def inner(self, u: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """Sum of products over the entries above the diagonal."""
        return 0.5 * super().inner(u, v, rows)

    def noise(self, like: Tensor, rows: Rows, generator: Random) -> Tensor:
        """Standard normal above the diagonal, mirrored below it."""
        eps = normal(like, rows, generator)
        upper = eps * _upper(like)
        return rows.zero(upper + rows.swap(upper))

    def dim(self, x: Tensor, rows: Rows) -> Tensor:
        """Edges above the diagonal times channels."""
        return _sum(_upper(x).expand(x.shape), rows)

    def project(self, v: Tensor, rows: Rows) -> Tensor:
        """The symmetric part of `v`, diagonal and padding zeroed."""
        symmetric = 0.5 * (v + rows.swap(v))
        upper = _upper(v)
        return rows.zero(symmetric * (upper + upper.transpose(1, 2)))

    def gradient(self, x: Tensor, ambient: Tensor, rows: Rows) -> Tensor:
        """G + G^T, as an entry and its mirror move together: dE = sum_{i<j} (G_ij + G_ji) dA_ij."""
        del x
        return 2.0 * self.project(ambient, rows)

    def frame(self, x: Tensor, rows: Rows) -> Iterator[Tensor]:
        """One unit vector an edge: an entry above the diagonal and its mirror."""
        for unit in rows.units(x):
            upper = unit * _upper(x)
            if upper.any():
                yield rows.zero(upper + rows.swap(upper))


class SO3:
    """Rotation matrices `[*rows, 3, 3]`, with tangent vectors `[*rows, 3]` in the body frame.

    v stands for R hat(v): radians about the body's own axes, which are orthonormal in the metric,
    so that the volume is 8 pi^2. Padded rows are the identity; their tangent vectors are zero.
    """

    def exp(self, x: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """R times the matrix exponential of hat(v)."""
        del rows
        return x @ so3.exp(v)

    def log(self, x: Tensor, y: Tensor, rows: Rows) -> Tensor:
        """The rotation vector of x^T y, of length at most pi."""
        del rows
        return so3.log(x.mT @ y)

    def noise(self, like: Tensor, rows: Rows, generator: Random) -> Tensor:
        """Standard normal about the three body axes."""
        return rows.zero(normal(like[..., 0], rows, generator))

    def inner(self, u: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """Sum of products over the rows of each graph."""
        return _sum(u * v, rows)

    def dim(self, x: Tensor, rows: Rows) -> Tensor:
        """Three for each rotation."""
        return rows.count(x) * rows.width(x) / 3

    def project(self, v: Tensor, rows: Rows) -> Tensor:
        """`v` with padding zeroed."""
        return rows.zero(v)

    def gradient(self, x: Tensor, ambient: Tensor, rows: Rows) -> Tensor:
        """<G, R hat(e_i)> = <hat(e_i), R^T G> about each body axis."""
        return rows.zero(so3.vee(x.mT @ ambient))

    def bracket(self, u: Tensor, v: Tensor) -> Tensor:
        """The cross product, as of the matrices hat(u) and hat(v)."""
        found: Tensor = torch.linalg.cross(u, v)
        return found

    def frame(self, x: Tensor, rows: Rows) -> Iterator[Tensor]:
        """The body axes of each rotation in turn; their fields R hat(e_i) do not diverge."""
        for unit in rows.units(x[..., 0]):
            yield rows.zero(unit)


def _sum(values: Tensor, rows: Rows) -> Tensor:
    """Sum over everything real that belongs to a graph: `[graphs]`."""
    return rows.total(values).reshape(rows.graphs, -1).sum(1)


def _upper(like: Tensor) -> Tensor:
    """Ones above the diagonal, `[1, N, N, 1, ...]` with the rank of `like`."""
    n = like.shape[1]
    ones = torch.ones(n, n, dtype=like.dtype, device=like.device).triu(1)
    return ones.reshape(1, n, n, *(1,) * (like.ndim - 3))


MANIFOLDS: Mapping[str, Callable[[], Manifold]] = {
    "Euclidean": Euclidean,
    "Centred": Centred,
    "Symmetric": Symmetric,
    "SO3": SO3,
}
"""What a recipe may ask for."""
