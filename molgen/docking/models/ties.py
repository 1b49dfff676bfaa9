r"""What holds the fragments together, as an energy: a Gaussian of the anchors, broadened by noise.

An anchor is a dummy and the atom it copies, which should lie on each other (the soft triangulation
of SigmaDock, Prat et al. 2025). Where they do not, the vectors delta between them have, by the
noise of centres (s) and of orientations (r), the covariance M of `junctions`, which changes with
the pose: its derivatives are large where the noise is, and wrong, as M holds for small motions.
Here turning moves a point alike in all three directions, as it does on average,

    M_ij = sum_k n_ik n_jk (s^2 + 2/3 r^2 l_ik . l_jk) + [i = j] v^2,
    E = fade(r) / 2 sum_xyz [delta^T (M^-1 - M_0^-1) delta + log det M - log det M_0]

with n = 1, -1 for the fragment of the atom and of the dummy, l the point in the fragment's own
frame and v^2, fade and M_0 as they are there. So M is the same for all poses, and what E pulls by
is exactly its derivative.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_FREE_ANGLE = 1.0  # rad, about one axis, of orientations that are anything
_PER_AXIS = 2 / 3  # of the squared lever, what a turn about a random axis moves along another


class Ties(nn.Module):
    """The Gaussian of the anchors.

    Args:
        spread: deviation of the fragments' centres in the data, nm.
    """

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.spread = spread
        self.log_deviation = nn.Parameter(torch.tensor(0.01).log())
        self.log_sagitta = nn.Parameter(torch.tensor(0.15).log())
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

        Both `[graphs, K, 3]`.

        Args:
            points: `[graphs, N, 3]` nm.
            state: `trans` and `rot` of the fragments.
            given: of the batch; `held`, bool `[systems, K]`, if some fragments are.
            centres: `[graphs]` nm, noise of the fragments' centres.
            angles: `[graphs]` rad, noise of their orientations.
        """
        system = given["system"]
        graph = torch.arange(len(system), device=points.device)[:, None]
        mask = (given["row_mask"] & (given["row_axis"] == 0))[system]  # one of an anchor's three
        ends = given["links"][system][graph, given["row_link"][system]]  # [g, R, 2]
        x = points[graph[..., None], ends]
        delta = torch.where(mask[..., None], x[..., 1, :] - x[..., 0, :], 0.0)
        fragment = given["fragment"][system][graph[..., None], ends]
        own = torch.nn.functional.one_hot(fragment, state["trans"].shape[1]).to(x)
        own = own * mask[..., None, None] * torch.tensor([-1.0, 1.0]).to(x)[:, None]
        body = given["body"][system][graph[..., None], ends]
        levers = torch.einsum("grek,grec->grkc", own, body)
        number = own.sum(2)
        moving = torch.ones_like(own[:, :1, 0])
        if "held" in given:
            moving = moving * ~given["held"][system][:, None]
        shifts, turns = number * moving, levers * moving[..., None]
        by_shift = shifts @ shifts.mT
        by_turn = torch.einsum("grkc,gskc->grs", turns, turns)
        arc = (angles.square() * self.log_sagitta.exp()).square()
        variance = ((2 * self.log_deviation).exp() + arc)[:, None]
        diagonal = torch.diag_embed(torch.where(mask, variance, 1.0))
        fade = 1 / (1 + (angles / self.log_limit.exp()).pow(4))
        energy, pull = torch.zeros_like(centres), torch.zeros_like(delta)
        for sign, more_s, more_r in ((1, 0.0, 0.0), (-1, self.spread, _FREE_ANGLE)):
            s2, r2 = centres.square() + more_s**2, angles.square() + more_r**2
            m = s2[:, None, None] * by_shift + _PER_AXIS * r2[:, None, None] * by_turn + diagonal
            factor = torch.linalg.cholesky(m)
            solved = torch.cholesky_solve(delta, factor)
            log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
            energy = energy + 0.5 * sign * ((delta * solved).sum((1, 2)) + 3 * log_det)
            pull = pull + sign * solved
        pull = -fade[:, None, None] * pull
        force = torch.einsum("grk,grc->gkc", number, pull)
        own_pull = torch.einsum("gkji,grj->grki", state["rot"], pull)
        torque = torch.linalg.cross(levers, own_pull).sum(1)
        return fade * energy, force, torque
