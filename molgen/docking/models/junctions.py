r"""What holds the fragments together, in closed form: a Gaussian of the links, broadened by noise.

No torsion changes the length of a bond or the distance across an angle, and a dummy lies on the
atom that it copies (the soft triangulation of SigmaDock, Prat et al. 2025). The excesses delta of
these links over their lengths, linear in small motions of the fragments, have a covariance that
follows from the noise of centres (s) and orientations (r); all links of a ligand share the noise of
its fragments, so they are taken together:

    M(s, r) = J S J^T + V,    S = diag(s^2, r^2) of every fragment,    V = v^2 + (c r^2)^2
    forces = -fade(r) J^T (M^-1 - M_0^-1) delta

c r^2 is what turning adds beyond the linear (an arc's sagitta). M_0 is that of free fragments,
whose centres spread by the data's deviation and whose orientations are anything: it is what the
base of the model says already. Fragments that are held have neither noise nor motion.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from molgen.nn.radial import unit

KINDS = 3
"""A bond, a distance across an angle, a dummy and the atom it copies: of the last, each axis."""

_FREE_ANGLE = 1.0  # rad, about one axis, of orientations that are anything


def rows_of(kinds: Tensor) -> tuple[Tensor, Tensor]:
    """One row a number that must vanish: which link, and along which axis (3: its own direction).

    Both int64 `[R]`, `R` = lengths + 3 dummies.
    """
    lengths = (kinds != KINDS - 1).nonzero()[:, 0]
    dummies = (kinds == KINDS - 1).nonzero()[:, 0]
    link = torch.cat([lengths, dummies.repeat_interleave(3)])
    axis = torch.cat([torch.full_like(lengths, 3), torch.arange(3).repeat(len(dummies))])
    return link, axis


class Junctions(nn.Module):
    """The Gaussian of the links.

    Args:
        spread: deviation of the fragments' centres in the data, nm.
    """

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.spread = spread
        self.log_deviation = nn.Parameter(torch.tensor([0.004, 0.008, 0.01]).log())
        self.log_sagitta = nn.Parameter(torch.tensor([0.15, 0.15, 0.15]).log())
        self.log_limit = nn.Parameter(torch.tensor(1.0).log())

    def force(
        self,
        points: Tensor,
        trans: Tensor,
        given: Mapping[str, Tensor],
        centres: Tensor,
        angles: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Forces and torques (not body frames) on the fragments, `[g, K, 3]`.

        Of an energy at fixed M, which changes with the pose: none has them for its derivatives.

        Args:
            points: `[graphs, N, 3]` nm.
            trans: `[graphs, K, 3]` nm, centres of the fragments.
            given: of the batch; `held`, bool `[systems, K]`, if some fragments are.
            centres: `[graphs]` nm, noise of the fragments' centres.
            angles: `[graphs]` rad, noise of their orientations.
        """
        delta, by_motion = self._linear(points, trans, given)
        m, free = self._covariances(by_motion, given, centres, angles)
        solved = torch.linalg.solve(m, delta) - torch.linalg.solve(free, delta)
        pull = -torch.einsum("grkc,gr->gkc", by_motion, solved)
        force, torque = (self._fade(angles)[:, None, None] * pull).chunk(2, -1)
        return force, torque

    def _fade(self, angles: Tensor) -> Tensor:
        """Where orientations are far from linear the expansion says little."""
        return 1 / (1 + (angles / self.log_limit.exp()).pow(4))

    def _linear(
        self, points: Tensor, trans: Tensor, given: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """delta `[g, R]`, and its derivative by shifts and turns, J `[g, R, K, 6]`."""
        system = given["system"]
        link, axis = given["row_link"][system], given["row_axis"][system]
        graph = torch.arange(len(link), device=link.device)[:, None]
        ends = given["links"][system][graph, link]  # [g, R, 2]
        x = points[graph[..., None], ends]
        length, direction = unit(x[..., 1, :] - x[..., 0, :], 1e-5)
        along = torch.eye(4, 3).to(points)[axis]
        own = axis == 3
        along = torch.where(own[..., None], direction, along)
        excess = torch.where(
            own,
            length - given["link_lengths"][system][graph, link],
            ((x[..., 1, :] - x[..., 0, :]) * along).sum(-1),
        )
        mask = given["row_mask"][system]
        fragment = given["fragment"][system][graph[..., None], ends]
        lever = x - trans[graph[..., None], fragment]
        each = along[:, :, None].expand_as(lever)
        motion = torch.cat([each, torch.linalg.cross(lever, each)], -1)
        motion = motion * torch.tensor([-1.0, 1.0]).to(points)[:, None] * mask[..., None, None]
        place = torch.nn.functional.one_hot(fragment, trans.shape[1]).to(points)
        by_motion = torch.einsum("grek,grec->grkc", place, motion)
        if "held" in given:
            by_motion = by_motion * ~given["held"][system][:, None, :, None]
        return torch.where(mask, excess, 0.0), by_motion

    def _covariances(
        self, by_motion: Tensor, given: Mapping[str, Tensor], centres: Tensor, angles: Tensor
    ) -> tuple[Tensor, Tensor]:
        """M and M_0: `[g, R, R]` each; rows that are padding are those of the unit matrix."""
        system = given["system"]
        graph = torch.arange(len(system), device=centres.device)[:, None]
        kinds = given["link_kinds"][system][graph, given["row_link"][system]]
        variance = (2 * self.log_deviation).exp()[kinds]
        arc = angles.square()[:, None] * self.log_sagitta.exp()[kinds]
        variance = variance + arc.square()
        own = torch.diag_embed(torch.where(given["row_mask"][system], variance, 1.0))
        shifts, turns = (part.flatten(2) for part in by_motion.chunk(2, -1))
        by_shift, by_turn = shifts @ shifts.mT, turns @ turns.mT
        s2, r2 = (noise.square()[:, None, None] for noise in (centres, angles))
        return (
            s2 * by_shift + r2 * by_turn + own,
            (s2 + self.spread**2) * by_shift + (r2 + _FREE_ANGLE**2) * by_turn + own,
        )
