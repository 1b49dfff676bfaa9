r"""What is known of a noised backbone without learning: its overall size, and its stiff modes.

    E = (1 - f) (E_Gauss + E_hand) + f E_stiff,    f = 1 / (1 + (sigma / width)^4)^2

    E_Gauss = sum_k |u_k.y|^2 [1/(s_k + sigma^2) - 1/(1 + sigma^2)] / 2 + 3/2 log(...)
    E_hand = sum_V log[(1 + exp(-2 V mean / v)) / 2],    v = spread + blur sigma^2 (1 + O(sigma^2))
    E_stiff = sum_k [z_k^2 / v_k + log(v_k / (1 + sigma^2))] / 2,    z = W^T (q - mean(sigma))

beside the base of unit variance: the Gaussian with the right mean squared distances, which is
right where noise is large, and the nearly fixed coordinates broadened by the noise, right where it
is small. v_k = variance + sigma^2; noise lengthens a mean distance m to sqrt(m^2 + 4 sigma^2).
Between them a signed volume tells the hand of a residue, which a Gaussian cannot: one of two mirror
images that is right. Alone, of 3000 frames of KS their denoising loss is .85, .59, .47, .48, .41,
.33, .23, .12 at sigma .01, .03, .1, .2, .4, .6, 1, 2, where the base has 1.0, 1.0, .99, .96, .86,
.74, .50, .20 and a trained network reaches .85, .57, .33, .27, .23, .22, .18, .11.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from molgen.md.peptides.coordinates import STIFF, STIFF_PAIRS, Present
from molgen.md.peptides.statistics import Sizes

NAMES = tuple(field.name for field in fields(Sizes))

WIDTH = 0.2
"""Noise at which stiff modes have a quarter of their strength: beyond, they are no longer stiff."""


REACH = 3.0
"""Where the deviation of a volume levels off: cubic growth would let samples run away."""


class ClosedForm(nn.Module):
    """The closed form of one case, or of many, of which each graph is one.

    Args:
        sizes: name in `Sizes` -> values; of many cases, stacked.
        stiff: numbers of the stiff coordinates.
        kept: store the sizes as weights.
    """

    lengths: Tensor

    def __init__(self, sizes: Mapping[str, Tensor], stiff: Sequence[int], kept: bool) -> None:
        super().__init__()
        lengths = torch.tensor([float(k < len(STIFF_PAIRS)) for k in stiff])
        self.register_buffer("lengths", lengths, persistent=False)
        for name, values in sizes.items():
            self.register_buffer(name, values, persistent=kept)

    @classmethod
    def of_one(cls, sizes: Sizes, present: Present) -> Self:
        """That of one case, which keeps its sizes."""
        return cls(vars(sizes), present.stiff, kept=True)

    @classmethod
    def of_many(cls, sizes: Sequence[Sizes]) -> Self:
        """That of cases whose sizes are padded."""
        stacked = {name: torch.stack([vars(one)[name] for one in sizes]) for name in NAMES}
        return cls(stacked, range(STIFF), kept=False)

    def forward(
        self, y: Tensor, q: Tensor, sigma: Tensor, case: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Energy `[n]`, and stiff coordinates in units of their noised width, within +-3 `[n, S]`.

        `y`: `[n, beads, 3]`, centred; `q`: `[n, S]`; `sigma`: `[n]`; `case`: `[n]` of many.
        """
        known = {name: getattr(self, name) for name in NAMES}
        own = Sizes(**{name: v if case is None else v[case] for name, v in known.items()})
        noise2 = sigma.square()[:, None]
        fade = 1 / (1 + (sigma / WIDTH).pow(4)).square()[:, None]
        longer = torch.sqrt(own.mean.square() + 4 * noise2) - own.mean
        away = q - own.mean - self.lengths * longer
        bounded = away * torch.rsqrt(1 + (away / REACH).square())
        away = torch.where(self.lengths > 0, away, bounded)
        z = (away[:, None] @ own.modes)[:, 0]
        v = own.variance + noise2
        stiff = z.square() / v + torch.log(v / (1 + noise2))
        # not basis.mT @ y: torch.compile loses views of buffers in the body of a loop
        along = (y.mT @ own.basis).square().sum(-2)
        s, one = own.spectrum + noise2, 1 + noise2
        gauss = along * (1 / s - 1 / one) + 3 * torch.log(s / one)
        first = own.spread + own.blur * noise2
        # a volume is a product of three arrows: beyond first order, as is best for these frames
        whole = own.spread + own.blur * noise2 * (1 + 4 * noise2 + 8 * noise2.square())
        hand = (1 - self.lengths) * (softplus(-2 * q * own.mean / whole) - math.log(2))
        wide = 0.5 * gauss.sum(1) + hand.sum(1)
        energy = fade[:, 0] * 0.5 * stiff.sum(1) + (1 - fade[:, 0]) * wide
        standard = away * torch.rsqrt(first)
        return energy, 3 * torch.tanh(standard / 3) / one
