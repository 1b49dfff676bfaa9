r"""Diffusion along learned sheaves on the pairs of nodes (Bodnar et al. 2022).

Every node carries a stalk of d dimensions (times channels), every pair another; restriction maps
F_ij (d x d) take the stalk of node i to that of the pair ij. Two nodes agree along a pair where
F_ij x_i = F_ji x_j, and the sheaf Laplacian measures by how much they do not:

    x^T L x = sum_{i<j} w_ij |F_ij x_i - F_ji x_j|^2,
    L_ii = D_i = sum_j w_ij F_ij^T F_ij,    L_ij = -w_ij F_ij^T F_ji

with weights w_ij >= 0, as graphs that diffuse are dense. One layer (their eq. 14) is

    x -> x - sigma(D^-1/2 L D^-1/2 (1 (x) W1) x W2)

With identity maps that is diffusion on the graph itself, which makes neighbours alike; maps that
differ from pair to pair may let neighbours be unlike, and still agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from molgen.errors import UsageError

MapKind = Literal["diagonal", "orthogonal", "general"]


def sheaf_laplacian(maps: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """L_ij for i != j (zero for i = j), and D_i: `[graphs, N, N, d, d]`, `[graphs, N, d, d]`.

    Args:
        maps: `[graphs, N, N, d, d]`, F_ij at i, j.
        weights: `[graphs, N, N]`, symmetric, not negative, zero on the diagonal and on padding.
    """
    weighted = weights[..., None, None] * maps
    return -weighted.mT @ maps.transpose(1, 2), (weighted.mT @ maps).sum(2)


def normalised(between: Tensor, within: Tensor, *, regular: float) -> Tensor:
    """(D + regular)^-1/2 L (D + regular)^-1/2 as matrices `[graphs, N d, N d]`.

    Args:
        between: `[graphs, N, N, d, d]`, the blocks L_ij, zero for i = j.
        within: `[graphs, N, d, d]`, the blocks D_i.
        regular: added to D, for nodes that nothing is tied to.
    """
    n, d = within.shape[1], within.shape[-1]
    eye = torch.eye(n, dtype=within.dtype, device=within.device)[:, :, None, None]
    root = inverse_root(within + regular * torch.eye(d, dtype=within.dtype, device=within.device))
    blocks = between + eye * within[:, :, None]
    blocks = root[:, :, None] @ blocks @ root[:, None]
    return blocks.transpose(2, 3).flatten(3).flatten(1, 2)


def inverse_root(matrices: Tensor, steps: int = 18) -> Tensor:
    """A^-1/2 of symmetric positive definite `[..., d, d]`, by products alone, so smooth in A.

    Coupled Newton-Schulz steps (Higham 2008, eq. 6.35) of A divided by its trace, which converge
    for any such A: small eigenvalues of Y Z grow by 9/4 a step, the last few steps are of second
    order; 18 reach conditions of 1e5. Eigenvectors would have no derivative where eigenvalues meet,
    as they do for identity maps.
    """
    eye = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    size = matrices.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    y, z = matrices / size, eye.expand_as(matrices)
    for _ in range(steps):
        half = 0.5 * (3 * eye - z @ y)
        y, z = y @ half, half @ z
    return z * size.rsqrt()


def _diagonal(entries: Tensor, d: int) -> Tensor:
    """Maps that scale each dimension of the stalk, `[..., d]`, about one."""
    del d
    return torch.diag_embed(1 + entries)


def _orthogonal(entries: Tensor, d: int) -> Tensor:
    """Rotations of the stalk of `[..., d (d - 1) / 2]`: Cayley's (1 - A)^-1 (1 + A), A skew."""
    row, column = torch.tril_indices(d, d, -1, device=entries.device)
    place = torch.zeros(d, d, dtype=torch.int64, device=entries.device)
    sign = torch.zeros(d, d, dtype=entries.dtype, device=entries.device)
    place[row, column] = place[column, row] = torch.arange(len(row), device=entries.device)
    sign[row, column], sign[column, row] = 1.0, -1.0
    eye = torch.eye(d, dtype=entries.dtype, device=entries.device)
    skew = entries[..., place] * sign if d > 1 else entries.new_zeros(*entries.shape[:-1], 1, 1)
    return torch.linalg.solve(eye - skew, eye + skew)


def _general(entries: Tensor, d: int) -> Tensor:
    """Any maps `[..., d^2]`, about the identity."""
    eye = torch.eye(d, dtype=entries.dtype, device=entries.device)
    return eye + entries.unflatten(-1, (d, d))


_MAPS: Mapping[str, tuple[Callable[[int], int], Callable[[Tensor, int], Tensor]]] = {
    "diagonal": (lambda d: d, _diagonal),
    "orthogonal": (lambda d: d * (d - 1) // 2, _orthogonal),
    "general": (lambda d: d * d, _general),
}
"""How many numbers a map has, and the map of those numbers."""


class SheafDiffusion(nn.Module):
    """How much the stalks of nodes disagree with those of others, along maps that are learned.

    Args:
        nodes: width of a node's features: d stalk dimensions times channels.
        pairs: width of a pair's.
        stalk: d.
        maps: what F_ij may be; made of both nodes and the pair.
        regular: added to the blocks that normalise.

    Raises:
        UsageError: the width is no multiple of d.
    """

    def __init__(
        self,
        nodes: int,
        pairs: int,
        *,
        stalk: int = 4,
        maps: MapKind = "orthogonal",
        regular: float = 1e-2,
    ) -> None:
        super().__init__()
        if stalk < 1 or nodes % stalk:
            raise UsageError(f"sheaf: width {nodes} is no multiple of the stalk's {stalk}")
        self.stalk, self.regular = stalk, regular
        numbers, self.as_maps = _MAPS[maps]
        self.of_ends = nn.Linear(nodes, 2 * pairs)
        self.of_pairs = nn.Linear(pairs, pairs)
        self.entries = nn.Linear(pairs, numbers(stalk))
        self.gate = nn.Linear(pairs, 1)
        self.mix_stalk = nn.Parameter(torch.eye(stalk))
        self.mix_channels = nn.Linear(nodes // stalk, nodes // stalk, bias=False)

    def forward(self, h: Tensor, e: Tensor, real: Tensor) -> Tensor:
        """sigma(Delta (1 (x) W1) x W2), `[graphs, N, nodes]`; zero on padding.

        Args:
            h: `[graphs, N, nodes]`.
            e: `[graphs, N, N, pairs]`, symmetric.
            real: `[graphs, N]`, ones for nodes that are no padding.
        """
        x = self.mix_channels(self.mix_stalk @ h.unflatten(-1, (self.stalk, -1)))
        apart = (self.laplacian(h, e, real) @ x.flatten(1, 2)).reshape(h.shape)
        return silu(apart) * real[..., None]

    def laplacian(self, h: Tensor, e: Tensor, real: Tensor) -> Tensor:
        """The normalised sheaf Laplacian, `[graphs, N d, N d]`; arguments as of the whole."""
        here, there = self.of_ends(h).chunk(2, -1)
        met = silu(here[:, :, None] + there[:, None] + self.of_pairs(e))
        maps = self.as_maps(self.entries(met), self.stalk)
        apart = 1 - torch.eye(h.shape[1], dtype=h.dtype, device=h.device)
        tied = torch.sigmoid(self.gate(e)).squeeze(-1) * apart * real[:, :, None] * real[:, None]
        return normalised(*sheaf_laplacian(maps, tied), regular=self.regular)
