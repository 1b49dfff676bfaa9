"""Internal coordinates of backbones: what is nearly fixed, and what a network sees.

Of all slots they are one fixed list; of a peptide, those of the list whose atoms it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from molgen.md.models.arrows import Arrows, chosen, torsions_of, volumes_of
from molgen.md.peptides.backbones import BACKBONES, Backbone, Pair, Quadruple
from molgen.md.peptides.slots import SLOTS


def _listed(name: str) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for one in BACKBONES for item in getattr(one, name)))


PAIRS: tuple[Pair, ...] = _listed("pairs")
STIFF_PAIRS: tuple[Pair, ...] = _listed("stiff_pairs")
STIFF_VOLUMES: tuple[Quadruple, ...] = _listed("stiff_volumes")
VOLUMES: tuple[Quadruple, ...] = _listed("volumes")
CHAINS: tuple[Quadruple, ...] = _listed("chains")
STIFF = len(STIFF_PAIRS) + len(STIFF_VOLUMES)
"""Number of stiff coordinates: distances, then volumes."""


@dataclass(frozen=True)
class Present:
    """Which coordinates of the lists a peptide has.

    Attributes:
        slots: of `SLOTS`.
        pairs: numbers in `PAIRS`.
        stiff: numbers among the stiff coordinates.
        features: numbers among the features of `Internal`.
    """

    slots: tuple[int, ...]
    pairs: tuple[int, ...]
    stiff: tuple[int, ...]
    features: tuple[int, ...]

    @classmethod
    def of(cls, backbone: Backbone) -> Present:
        """Those of a backbone."""
        pairs = _where(PAIRS, backbone.pairs)
        volumes, chains = _where(VOLUMES, backbone.volumes), _where(CHAINS, backbone.chains)
        stiff = (
            *_where(STIFF_PAIRS, backbone.stiff_pairs),
            *(len(STIFF_PAIRS) + k for k in _where(STIFF_VOLUMES, backbone.stiff_volumes)),
        )
        features: list[int] = []
        start = 0
        for count, total, has in (
            (3, len(PAIRS), pairs),
            (1, len(VOLUMES), volumes),
            (4, len(CHAINS), chains),
            (1, STIFF, stiff),
        ):
            for _ in range(count):
                features += [start + k for k in has]
                start += total
        return cls(backbone.slots, pairs, stiff, tuple(features))


FEATURES = 3 * len(PAIRS) + len(VOLUMES) + 4 * len(CHAINS) + STIFF
"""Number of features of a backbone that fills every slot."""


class Internal(nn.Module):
    """Internal coordinates of positions `[n, beads, 3]`, in units of the data's scale.

    Args:
        backbone: the beads are its slots, in order; if None they are all slots, of which a peptide
            fills some.
    """

    stiff_lengths: Tensor
    stiff_hands: Tensor

    def __init__(self, backbone: Backbone | None = None) -> None:
        super().__init__()
        slots = backbone.slots if backbone else range(SLOTS)
        place = {slot: k for k, slot in enumerate(slots)}

        def own(name: str, known: Sequence[Any]) -> list[Any]:
            return [item for item in known if backbone is None or item in getattr(backbone, name)]

        def beads(items: Sequence[Any]) -> Tensor:
            return torch.tensor([[place[slot] for slot in item] for item in items])

        pairs, volumes = own("pairs", PAIRS), own("volumes", VOLUMES)
        stiff_pairs, stiff_volumes = (
            own("stiff_pairs", STIFF_PAIRS),
            own("stiff_volumes", STIFF_VOLUMES),
        )
        self.stiff_pairs, self.stiff_volumes = beads(stiff_pairs), beads(stiff_volumes)
        self.between = Arrows.between(beads(pairs), len(slots))
        self.from_first = Arrows.from_first(beads(volumes), len(slots))
        self.along = Arrows.along(beads(own("chains", CHAINS)), len(slots))
        for name, some, every in (
            ("stiff_lengths", stiff_pairs, pairs),
            ("stiff_hands", stiff_volumes, volumes),
        ):
            index = torch.tensor([every.index(item) for item in some])
            self.register_buffer(name, chosen(index, len(every)), persistent=False)

    def distances(self, y: Tensor) -> Tensor:
        """Of every pair: `[n, pairs]`."""
        return torch.sqrt(self.between(y).square().sum(-1) + 1e-6)

    def signed_volumes(self, y: Tensor) -> Tensor:
        """a.(b x c) of the arrows from the first bead to the others: `[n, volumes]`."""
        return volumes_of(self.from_first(y))

    def stiff(self, distances: Tensor, volumes: Tensor) -> Tensor:
        """The nearly fixed ones: `[n, stiff]`, distances before volumes."""
        lengths = distances @ self.stiff_lengths.to(distances)
        hands = volumes @ self.stiff_hands.to(volumes)
        return torch.cat([lengths, hands], dim=1)

    def stiff_of(self, y: Tensor) -> Tensor:
        """The same of positions `[n, beads, 3]`."""
        return self.stiff(self.distances(y), self.signed_volumes(y))

    def derivatives(self, y: Tensor) -> Tensor:
        """Of the stiff coordinates by the positions: `[n, stiff, beads, 3]`."""
        pairs, volumes = self.stiff_pairs, self.stiff_volumes
        count = len(pairs)
        J = y.new_zeros(len(y), count + len(volumes), *y.shape[1:])
        arrows = y[:, pairs[:, 0]] - y[:, pairs[:, 1]]
        units = arrows / arrows.norm(dim=-1, keepdim=True)
        J[:, torch.arange(count), pairs[:, 0]] = units
        J[:, torch.arange(count), pairs[:, 1]] = -units
        a, b, c = (y[:, volumes[:, k]] - y[:, volumes[:, 0]] for k in (1, 2, 3))
        rows, cross = torch.arange(count, J.shape[1]), torch.linalg.cross
        for end, slope in enumerate((cross(b, c), cross(c, a), cross(a, b)), start=1):
            J[:, rows, volumes[:, end]] += slope
            J[:, rows, volumes[:, 0]] -= slope
        return J

    def features(
        self, y: Tensor, sigma: Tensor, distances: Tensor, volumes: Tensor, standard: Tensor
    ) -> Tensor:
        """What a network sees: `[n, features]`.

        Distances (raw, Gaussian, inverse) and volumes of what noise `sigma` `[n]` has blurred,
        brought to unit size; dihedrals, faded where noise makes them meaningless; `standard`,
        stiff coordinates in units of their own noised width `[n, stiff]`.
        """
        scale = torch.rsqrt(1 + sigma.square())[:, None]
        d, v = distances * scale, volumes * scale.pow(3)
        return torch.cat(
            [
                d,
                torch.exp(-d.square()),
                1 / (d + 0.3),
                v * torch.rsqrt(1 + (v / 5).square()),  # cubic growth would let samples run away
                torsions_of(self.along(y)) / (1 + (sigma / 0.7).square())[:, None],
                standard,
            ],
            dim=1,
        )


def _where(known: Sequence[Any], wanted: Sequence[Any]) -> tuple[int, ...]:
    """Ascending numbers of what is wanted."""
    own = set(wanted)
    return tuple(k for k, item in enumerate(known) if item in own)
