r"""The links between fragments in closed form, broadened by the noise.

No torsion changes the length of a bond or the distance across an angle, so a link between points of
two fragments must return to its length in any conformer (soft triangulation: Prat et al. 2025).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from molgen.nn.radial import unit

LINK_KINDS = 3
"""A bond, a distance across an angle, a dummy and the atom it copies."""


class Junctions(nn.Module):
    r"""E = fade sum_links weight_kind [delta^2 / 2 v + log v / 2],    v = var_kind + noise^2.

    delta is the excess of a link's length, and for a dummy the distance from its atom. The noise of
    a length follows from that of the fragments, of centres s and of orientations r:

        noise^2 = 2 s^2 + (2/3) min(r, 1)^2 (|body_u|^2 + |body_v|^2)

    Links share bonds, so their terms are weighted; weights and variances are learned.

    Args:
        width: noise of the centres, nm, at which the terms have half their strength.
    """

    def __init__(self, width: float = 0.15) -> None:
        super().__init__()
        self.width = width
        self.log_variance = nn.Parameter(torch.tensor([0.005, 0.01, 0.02]).log() * 2)
        self.log_weight = nn.Parameter(torch.full((LINK_KINDS,), -1.0))

    def forward(
        self, points: Tensor, given: Mapping[str, Tensor], centres: Tensor, angles: Tensor
    ) -> Tensor:
        """Energy in kT: `[graphs]`.

        Args:
            points: `[graphs, N, 3]` nm.
            given: of the batch.
            centres: `[graphs]` nm, noise of the fragments' centres.
            angles: `[graphs]` rad, noise of their orientations.
        """
        system = given["system"]
        links, kinds = given["links"][system], given["link_kinds"][system]
        mask = given["link_mask"][system]
        graph = torch.arange(len(links), device=links.device)[:, None]
        ends = points[graph, links[..., 0]], points[graph, links[..., 1]]
        levers = given["body"].square().sum(-1)[system]
        lever = levers[graph, links[..., 0]] + levers[graph, links[..., 1]]
        noise = (
            2 * centres.square()[:, None] + 2 / 3 * angles.clamp(max=1.0).square()[:, None] * lever
        )
        length, _ = unit(ends[1] - ends[0], 1e-4)
        delta = length - given["link_lengths"][system]
        variance = self.log_variance.exp()[kinds] + noise
        # A dummy's distance has three directions to be wrong in, a length one.
        directions = torch.where(kinds == LINK_KINDS - 1, 3.0, 1.0)
        terms = 0.5 * (
            delta.square() / variance + directions * torch.log(variance / (noise + 1e-2))
        )
        fade = 1 / (1 + (centres / self.width).pow(4))
        return fade * torch.where(mask, self.log_weight.exp()[kinds] * terms, 0.0).sum(1)
