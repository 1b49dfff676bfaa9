r"""Rotations in three dimensions: matrices, rotation vectors, and uniform draws.

A rotation vector v is an axis times an angle in radians; `hat` turns it into the skew matrix with
hat(v) u = v x u, and `exp(v)` is the matrix exponential of `hat(v)`. Everything is differentiable,
also at the identity.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def hat(v: Tensor) -> Tensor:
    """Skew matrix of a vector, that of the cross product v x u: `[*, 3]` -> `[*, 3, 3]`."""
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    entries = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1)
    return entries.reshape(*v.shape, 3)


def vee(matrix: Tensor) -> Tensor:
    """<hat(e_i), M> for i = 1, 2, 3: `[*, 3, 3]` -> `[*, 3]`; for a skew matrix, 2 `hat`^-1."""
    return torch.stack(
        [
            matrix[..., 2, 1] - matrix[..., 1, 2],
            matrix[..., 0, 2] - matrix[..., 2, 0],
            matrix[..., 1, 0] - matrix[..., 0, 1],
        ],
        dim=-1,
    )


def exp(v: Tensor) -> Tensor:
    """The rotation of a rotation vector, `[*, 3]` rad -> `[*, 3, 3]`.

    Rodrigues: 1 + sin(a)/a hat(v) + (1 - cos(a))/a^2 hat(v)^2 with a = |v|.
    """
    square = v.square().sum(-1)[..., None, None]
    k = hat(v)
    eye = torch.eye(3, dtype=v.dtype, device=v.device)
    return eye + _sine_ratio(square) * k + _cosine_ratio(square) * (k @ k)


def log(rotation: Tensor) -> Tensor:
    """The rotation vector, of length at most pi, of a rotation: `[*, 3, 3]` -> `[*, 3]` rad.

    Through the quaternion, taken from the row of 4 q q^T with the largest diagonal entry, so that
    nothing cancels at any angle. At pi exactly, where v and -v are the same rotation, either one.
    """
    q = _quaternion(rotation)
    q = torch.where(q[..., :1] < 0, -q, q)
    return q[..., 1:] * _angle_ratio(q[..., :1], q[..., 1:].square().sum(-1, keepdim=True))


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform random rotations, `[*, 3, 3]`, in the shape, dtype and device of `like`."""
    q = torch.empty(*like.shape[:-2], 4, dtype=like.dtype, device=like.device)
    return of_normal(q.normal_(generator=generator))


def of_normal(q: Tensor) -> Tensor:
    """Uniform random rotations, `[*, 3, 3]`, from four normal numbers each, `[*, 4]`."""
    return _matrix(torch.nn.functional.normalize(q, dim=-1))


def _matrix(q: Tensor) -> Tensor:
    """The rotation of a unit quaternion (w, x, y, z): `[*, 4]` -> `[*, 3, 3]`."""
    w, v = q[..., 0, None, None], q[..., 1:]
    eye = torch.eye(3, dtype=q.dtype, device=q.device)
    outer = v[..., :, None] * v[..., None, :]
    return (2 * w.square() - 1) * eye + 2 * w * hat(v) + 2 * outer


def _quaternion(rotation: Tensor) -> Tensor:
    """The unit quaternion (w, x, y, z), up to its sign: `[*, 3, 3]` -> `[*, 4]`."""
    r00, r11, r22 = rotation.diagonal(dim1=-2, dim2=-1).unbind(-1)
    x, y, z = vee(rotation).unbind(-1)
    xy = rotation[..., 0, 1] + rotation[..., 1, 0]
    xz = rotation[..., 0, 2] + rotation[..., 2, 0]
    yz = rotation[..., 1, 2] + rotation[..., 2, 1]
    four_qq = torch.stack(
        [
            *(1 + r00 + r11 + r22, x, y, z),
            *(x, 1 + r00 - r11 - r22, xy, xz),
            *(y, xy, 1 - r00 + r11 - r22, yz),
            *(z, xz, yz, 1 - r00 - r11 + r22),
        ],
        dim=-1,
    ).reshape(*rotation.shape[:-2], 4, 4)
    best = four_qq.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*x.shape, 1, 4)
    return torch.nn.functional.normalize(four_qq.gather(-2, best).squeeze(-2), dim=-1)


# Functions of a squared angle: their power series where the closed form would divide 0 by 0 (also
# in its derivatives). Eight terms leave less than 1e-17 at the switch.


def _sine_ratio(square: Tensor) -> Tensor:
    """sin(a)/a of a^2."""
    small, angle = _split(square, 0.25)
    series = _power_series(square, [(-1) ** n / math.factorial(2 * n + 1) for n in range(8)])
    return torch.where(small, series, angle.sin() / angle)


def _cosine_ratio(square: Tensor) -> Tensor:
    """(1 - cos(a))/a^2 of a^2."""
    small, angle = _split(square, 0.25)
    series = _power_series(square, [(-1) ** n / math.factorial(2 * n + 2) for n in range(8)])
    return torch.where(small, series, 2 * ((angle / 2).sin() / angle).square())


def _angle_ratio(w: Tensor, square: Tensor) -> Tensor:
    """The ratio a / sin(a/2) of w = cos(a/2) >= 0 and sin(a/2)^2."""
    small, sine = _split(square, 0.01)
    coefficients = [2 * math.comb(2 * n, n) / (4**n * (2 * n + 1)) for n in range(8)]
    return torch.where(small, _power_series(square, coefficients), 2 * torch.atan2(sine, w) / sine)


def _split(square: Tensor, switch: float) -> tuple[Tensor, Tensor]:
    """Where to use the series, and the root of `square` (1 where the series is used)."""
    small = square < switch
    return small, torch.where(small, 1.0, square).sqrt()


def _power_series(x: Tensor, coefficients: list[float]) -> Tensor:
    """sum_n c_n x^n by Horner's rule."""
    total = torch.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total
