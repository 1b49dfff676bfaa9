r"""What is known of a noised backbone without learning: its overall size, and its stiff modes.

    E = (1 - f) E_Gauss + f E_stiff,    f = 1 / (1 + (sigma / width)^4)

    E_Gauss = sum_k |u_k.y|^2 [1/(s_k + sigma^2) - 1/(1 + sigma^2)] / 2 + 3/2 log(...)
    E_stiff = sum_k [z_k^2 / v_k + log(v_k / (1 + sigma^2))] / 2,    z = W^T (q - mean(sigma))

beside the base of unit variance: the Gaussian with the right mean squared distances, which is
right where noise is large, and the nearly fixed coordinates broadened by the noise, right where it
is small. v_k = variance + sigma^2; noise lengthens a mean distance m to sqrt(m^2 + 4 sigma^2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor, nn

from molgen.md.peptides.coordinates import STIFF, STIFF_PAIRS, Present
from molgen.md.peptides.statistics import Sizes


class ClosedForm(nn.Module):
    """The closed form of one case, or of many, of which each graph is one.

    Args:
        sizes: of the cases; a single one without padding, or padded ones.
        lengths: `[S]`, which of the stiff coordinates are distances.
        width: noise at which the two parts have half their strength.
        kept: store the sizes as weights.
    """

    lengths: Tensor

    def __init__(
        self, sizes: Sizes | Sequence[Sizes], lengths: Tensor, width: float, kept: bool
    ) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("lengths", lengths, persistent=False)
        for field in fields(Sizes):
            value = (
                getattr(sizes, field.name)
                if isinstance(sizes, Sizes)
                else torch.stack([getattr(one, field.name) for one in sizes])
            )
            self.register_buffer(field.name, value, persistent=kept)

    def forward(
        self, y: Tensor, q: Tensor, sigma: Tensor, case: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Energy `[n]`, and stiff coordinates in units of their noised width, within +-3 `[n, S]`.

        `y`: `[n, beads, 3]`, centred; `q`: `[n, S]`; `sigma`: `[n]`; `case`: `[n]` of many.
        """
        names = [field.name for field in fields(Sizes)]
        own = Sizes(
            **{k: v if case is None else v[case] for k in names for v in [getattr(self, k)]}
        )
        noise2 = sigma.square()[:, None]
        fade = 1 / (1 + (sigma / self.width).pow(4))[:, None]
        longer = torch.sqrt(own.mean.square() + 4 * noise2) - own.mean
        away = q - own.mean - self.lengths * longer
        z = (away[:, None] @ own.modes)[:, 0]
        v = own.variance + noise2
        stiff = z.square() / v + torch.log(v / (1 + noise2))
        along = (own.basis.mT @ y).square().sum(-1)
        s, one = own.spectrum + noise2, 1 + noise2
        gauss = along * (1 / s - 1 / one) + 3 * torch.log(s / one)
        energy = 0.5 * (fade * stiff).sum(1) + 0.5 * ((1 - fade) * gauss).sum(1)
        standard = away * torch.rsqrt(own.spread + own.blur * noise2)
        return energy, fade * 3 * torch.tanh(standard / 3)


def lengths_of(present: Present | None = None) -> Tensor:
    """`[S]`, one for distances and zero for volumes, of those present or of all."""
    own = range(STIFF) if present is None else present.stiff
    return torch.tensor([float(k < len(STIFF_PAIRS)) for k in own])
