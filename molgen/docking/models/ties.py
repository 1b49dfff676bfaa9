r"""What holds the fragments together, as an energy: a Gaussian of the links, broadened by noise.

No torsion moves an anchor: a dummy and the atom it copies, which should lie on each other (the
soft triangulation of SigmaDock, Prat et al. 2025). Where they do not, the vectors delta between
them have a covariance M that follows from the noise of centres (s) and of orientations (r); all
anchors of a ligand share the noise of its fragments, so they are taken together. Turning moves a
point alike in all three directions, as it does on average,

    M_ij = sum_k n_ik n_jk (s^2 + 2/3 r^2 l_ik . l_jk) + [i = j] V,    V = v^2 + (c r^2)^2
    E = fade(r) / 2 sum_xyz [delta^T (M^-1 - M_0^-1) delta + log det M - log det M_0]

with n = 1, -1 for the fragment of the atom and of the dummy, and l the point in the fragment's own
frame; c r^2 is what turning adds beyond the linear (an arc's sagitta), and where orientations are
far from linear all of it fades. M_0 is that of free fragments, whose centres spread by the data's
deviation and whose orientations are anything: it is what the base of the model says already.
Fragments that are held have neither noise nor motion.

M is the same for all poses (one of the small motions of this very pose would change with it, by
slopes that are large and wrong where the noise is), so what E pulls by is exactly its derivative.
Two fragments without an anchor between them, where a dummy would fix a torsion, are held by the
length of their bond alone: delta is its excess, M its own variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_FREE_ANGLE = 1.0  # rad, about one axis, of orientations that are anything
_PER_AXIS = 2 / 3  # of the squared lever, what a turn about a random axis moves along another
_TINY = 1e-10  # nm^2: points on each other have no direction


@dataclass(frozen=True)
class _Ends:
    """Pairs of points of two fragments each, and what moves them apart.

    Attributes:
        mask: `[g, R]`, which pairs are real.
        apart: `[g, R, 3]` nm, from the first to the second.
        lengths: `[g, R]` nm, how far apart they should be.
        number: `[g, R, K]`, by the shifts of the fragments: 1, -1 or 0.
        levers: `[g, R, K, 3]` nm, by their turns: the point in the own frame, with that sign.
    """

    mask: Tensor
    apart: Tensor
    lengths: Tensor
    number: Tensor
    levers: Tensor

    @classmethod
    def of(
        cls, which: str, points: Tensor, state: Mapping[str, Tensor], given: Mapping[str, Tensor]
    ) -> _Ends:
        """The `anchor`s or the `loose` bonds of a batch."""
        system = given["system"]
        graph = torch.arange(len(system), device=points.device)[:, None]
        link, mask = given[which][system], given[f"{which}_mask"][system]
        ends = given["links"][system][graph, link]
        x = points[graph[..., None], ends]
        fragment = given["fragment"][system][graph[..., None], ends]
        own = torch.nn.functional.one_hot(fragment, state["trans"].shape[1]).to(x)
        own = own * mask[..., None, None] * torch.tensor([-1.0, 1.0]).to(x)[:, None]
        return cls(
            mask,
            torch.where(mask[..., None], x[..., 1, :] - x[..., 0, :], 0.0),
            given["link_lengths"][system][graph, link],
            own.sum(2),
            torch.einsum("grek,grec->grkc", own, given["body"][system][graph[..., None], ends]),
        )

    def covariance(self, moving: Tensor, s2: Tensor, r2: Tensor) -> Tensor:
        """Of one component of the pairs, `[g, R, R]`; `moving`: `[g, K]`, 0 for what is held."""
        shifts, turns = self.number * moving[:, None], self.levers * moving[:, None, :, None]
        by_shift = shifts @ shifts.mT
        by_turn = torch.einsum("grkc,gskc->grs", turns, turns)
        return s2[:, None, None] * by_shift + _PER_AXIS * r2[:, None, None] * by_turn

    def motions(self, pull: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Forces, and torques in the body, that a pull `[g, R, 3]` on the pairs is to fragments."""
        own = torch.einsum("gkji,grj->grki", state["rot"], pull)
        force = torch.einsum("grk,grc->gkc", self.number, pull)
        return force, torch.linalg.cross(self.levers, own).sum(1)


class Ties(nn.Module):
    """The Gaussian of the links.

    Args:
        spread: deviation of the fragments' centres in the data, nm.
    """

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.spread = spread
        self.log_deviation = nn.Parameter(torch.tensor([0.01, 0.004]).log())  # anchors, bonds
        self.log_sagitta = nn.Parameter(torch.tensor([0.15, 0.15]).log())
        self.log_limit = nn.Parameter(torch.tensor(1.0).log())

    def forward(
        self,
        points: Tensor,
        state: Mapping[str, Tensor],
        given: Mapping[str, Tensor],
        centres: Tensor,
        angles: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The energy in kT `[graphs]`, and minus its derivatives: by shifts, by turns in the body.

        Both `[graphs, K, 3]`; zero for fragments that are held.

        Args:
            points: `[graphs, N, 3]` nm.
            state: `trans` and `rot` of the fragments.
            given: of the batch; `held`, bool `[systems, K]`, if some fragments are.
            centres: `[graphs]` nm, noise of the fragments' centres.
            angles: `[graphs]` rad, noise of their orientations.
        """
        moving = torch.ones_like(state["trans"][..., 0])
        if "held" in given:
            moving = moving * ~given["held"][given["system"]]
        arc = angles.square()[:, None] * self.log_sagitta.exp()
        variances = ((2 * self.log_deviation).exp() + arc.square()).unbind(1)
        fade = 1 / (1 + (angles / self.log_limit.exp()).pow(4))
        parts = []
        for name, hold, variance in zip(
            ("anchor", "loose"), (_together, _at_length), variances, strict=True
        ):
            ends = _Ends.of(name, points, state, given)
            energy, pull = torch.zeros_like(centres), torch.zeros_like(ends.apart)
            for sign, wider, freer in ((1, 0.0, 0.0), (-1, self.spread, _FREE_ANGLE)):
                s2, r2 = centres.square() + wider**2, angles.square() + freer**2
                m = ends.covariance(moving, s2, r2)
                m = m + torch.diag_embed(torch.where(ends.mask, variance[:, None], 1.0))
                more, pulled = hold(ends, m)
                energy, pull = energy + 0.5 * sign * more, pull - sign * pulled
            parts.append((energy, *ends.motions(pull, state)))
        total, force, torque = (torch.stack(each).sum(0) for each in zip(*parts, strict=True))
        share = fade[:, None, None] * moving[..., None]
        return fade * total, share * force, share * torque


def _together(ends: _Ends, m: Tensor) -> tuple[Tensor, Tensor]:
    """Twice the energy of pairs that should meet, each axis with covariance m; half its slope."""
    factor = torch.linalg.cholesky(m)
    solved = torch.cholesky_solve(ends.apart, factor)
    log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return (ends.apart * solved).sum((1, 2)) + 3 * log_det, solved


def _at_length(ends: _Ends, m: Tensor) -> tuple[Tensor, Tensor]:
    """The same of pairs that should be so far apart, each by itself."""
    variance = m.diagonal(dim1=-2, dim2=-1)
    distance = (ends.apart.square().sum(-1) + _TINY).sqrt()
    excess = torch.where(ends.mask, distance - ends.lengths, 0.0)
    energy = torch.where(ends.mask, excess.square() / variance + variance.log(), 0.0)
    return energy.sum(1), (excess / variance / distance)[..., None] * ends.apart
