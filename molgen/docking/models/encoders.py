"""What does not depend on the pose: features of the pocket's and the ligand's atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from molgen.nn.radial import RadialBasis, unit


@dataclass(frozen=True)
class Encoded:
    """Atoms of some systems as a network sees them.

    Attributes:
        scalars: `[C, atoms, width]`.
        vectors: `[C, atoms, vectors, 3]`, turning with the atoms.
    """

    scalars: Tensor
    vectors: Tensor


class Categories(nn.Module):
    """The sum of one embedding a feature.

    Args:
        sizes: number of values of each feature.
        width: of the embedding.
    """

    offset: Tensor

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        offset = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("offset", offset, persistent=False)
        self.table = nn.Embedding(sum(sizes), width)
        nn.init.normal_(self.table.weight, std=len(sizes) ** -0.5)

    def forward(self, kinds: Tensor) -> Tensor:
        """int64 `[*, features]` -> `[*, width]`."""
        total: Tensor = self.table(kinds + self.offset).sum(-2)
        return total


class Residual(nn.Module):
    """h + MLP(norm(h), message)."""

    def __init__(self, width: int, message: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.network = nn.Sequential(
            nn.Linear(width + message, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, h: Tensor, message: Tensor) -> Tensor:
        """`h`: `[*, width]`, `message`: `[*, message]` -> `[*, width]`."""
        update: Tensor = self.network(torch.cat([self.norm(h), message], dim=-1))
        return h + update


class PocketEncoder(nn.Module):
    """Features of the pocket's atoms from the neighbours within reach.

    Args:
        sizes: number of values of each categorical feature.
        width: scalars an atom.
        pair_width: scalars a message.
        vectors: vectors an atom.
        layers: rounds of messages.
        cutoff: nm.
        neighbours: at most so many of them, the nearest.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        width: int,
        pair_width: int,
        vectors: int,
        layers: int = 2,
        cutoff: float = 0.5,
        neighbours: int = 16,
    ) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.embedding = Categories(sizes, width)
        self.radial = RadialBasis(cutoff, 12)
        self.filters = nn.ModuleList(nn.Linear(12, pair_width) for _ in range(layers))
        self.senders = nn.ModuleList(nn.Linear(width, pair_width) for _ in range(layers))
        self.updates = nn.ModuleList(Residual(width, pair_width) for _ in range(layers))
        self.vectors = nn.Linear(width, vectors)
        self.vector_filter = nn.Linear(12, vectors)

    def forward(self, given: Mapping[str, Tensor]) -> Encoded:
        """The pockets of some systems."""
        positions, mask = given["pocket"], given["pocket_mask"]
        apart = torch.cdist(positions, positions)
        eye = torch.eye(apart.shape[1], dtype=torch.bool, device=apart.device)
        apart = apart.masked_fill(~mask[:, None] | eye, 1e3)
        near = apart.topk(min(self.neighbours, apart.shape[1]), largest=False).indices
        system = torch.arange(len(near), device=near.device)[:, None, None]
        distance, direction = unit(positions[system, near] - positions[:, :, None], 1e-3)
        radial = self.radial(distance) * self.radial.envelope(distance)[..., None]
        h = self.embedding(given["pocket_kinds"])
        for part, send, update in zip(self.filters, self.senders, self.updates, strict=True):
            h = update(h, (part(radial) * send(h)[system, near]).sum(2))
        weights = self.vector_filter(radial) * self.vectors(h)[system, near]
        return Encoded(h, torch.einsum("cpkv,cpkx->cpvx", weights, direction))


class LigandEncoder(nn.Module):
    """Features of the ligand's atoms from its bonds and from its rigid fragments' shapes.

    Args:
        sizes: number of values of each categorical feature.
        bond_kinds: number of kinds of bonds, none not counted.
        width: scalars an atom.
        vectors: vectors an atom, in the frame of its fragment.
        layers: rounds of messages along bonds.
    """

    def __init__(
        self, sizes: Sequence[int], bond_kinds: int, width: int, vectors: int, layers: int = 3
    ) -> None:
        super().__init__()
        self.bond_kinds = bond_kinds
        self.embedding = Categories(sizes, width)
        self.maps = nn.ModuleList(
            nn.Linear(width, width * bond_kinds, bias=False) for _ in range(layers)
        )
        self.updates = nn.ModuleList(Residual(width, width) for _ in range(layers))
        self.radial = RadialBasis(0.3, 8)
        self.vectors = nn.Linear(width, vectors)
        self.vector_filter = nn.Linear(8, vectors)

    def forward(self, given: Mapping[str, Tensor]) -> Encoded:
        """The ligands of some systems; vectors are in the frames of the fragments."""
        kinds = torch.arange(1, self.bond_kinds + 1, device=given["bonds"].device)
        h = self.embedding(given["atoms"])
        adjacency = (given["bonds"][..., None] == kinds).to(h)  # [C, A, A, kinds]
        for part, update in zip(self.maps, self.updates, strict=True):
            mapped = part(h).unflatten(-1, (self.bond_kinds, -1))
            h = update(h, torch.einsum("cabk,cbkw->caw", adjacency, mapped))
        return Encoded(h, self._directions(given, h))

    def _directions(self, given: Mapping[str, Tensor], h: Tensor) -> Tensor:
        """Towards the points of the own fragment within reach: `[C, A, vectors, 3]`."""
        count = h.shape[1]
        body, fragment = given["body"], given["fragment"]
        distance, direction = unit(body[:, None] - body[:, :count, None], 1e-3)
        same = (fragment[:, :count, None] == fragment[:, None]) & given["point_mask"][:, None]
        reach = torch.where(same, self.radial.envelope(distance), 0.0)[..., None]
        system = torch.arange(len(h), device=h.device)[:, None]
        values = self.vectors(h)[system, given["atom"]]
        weights = self.vector_filter(self.radial(distance)) * reach * values[:, None]
        return torch.einsum("canv,canx->cavx", weights, direction)
