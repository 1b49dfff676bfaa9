r"""Poses by a score: a force on every atom, and what the forces do to rigid fragments.

    score_trans = sum_atoms f,    score_rot = sum_atoms (x - T) x f

as SigmaDock has it (Prat et al. 2025), but for what has a closed form: free fragments under the
noise, and the ties between them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.docking.models.closing import close
from molgen.docking.models.network import PoseNetwork
from molgen.docking.models.ties import Ties
from molgen.nn.radial import start_small

_LEVER = 0.15  # nm, of a usual fragment: torques are in units of it


class PoseScore(nn.Module):
    """A model of grad log q(pose, t) with a force on each atom.

    Args:
        processes: forward processes of `trans` and `rot`.
        network: what sees the pose.
    """

    def __init__(self, processes: Processes, network: PoseNetwork) -> None:
        super().__init__()
        self.processes = dict(processes)
        self.network = network
        self.ties = Ties(network.processes["trans"].data_std)
        width, pair = network.shape.width, network.shape.pair_width
        self.along_contacts = start_small(nn.Linear(pair, 1, bias=False))
        self.along_pairs = start_small(nn.Linear(pair, 1, bias=False))
        self.gate = nn.Sequential(
            nn.Linear(network.width, width), nn.SiLU(), start_small(nn.Linear(width, 2 * pair))
        )

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t) of both fields, in tangent coordinates; `t`: `[graphs]`."""
        closed = close(self.ties, self.processes, batch, t)
        seen = self.network(closed.pose, t)
        contacts, pairs = (1 + self.gate(seen.atoms))[:, :, None].chunk(2, -1)
        push = self.along_contacts(seen.contacts * contacts) * seen.towards
        among = self.along_pairs(seen.pairs * pairs) * seen.apart
        forces = torch.where(seen.mask[..., None], push.sum(2) + among.sum(2), 0.0)
        learned = self._on_fragments(batch, seen.state["rot"], forces)
        score = {}
        for name, process in self.processes.items():
            rows = batch.rows[name]
            std = rows.spread(process.score_std(t), learned[name])
            score[name] = (
                process.base_score(batch.state[name], t, rows)
                + closed.score[name]
                + std * rows.zero(learned[name])
            )
        return score

    def _on_fragments(self, batch: Batch, rot: Tensor, forces: Tensor) -> dict[str, Tensor]:
        """Net force, and torque about the body's axes in units of a usual lever: `[g, K, 3]`."""
        given, system = batch.given, batch.given["system"]
        count = forces.shape[1]
        fragment = given["fragment"][system][:, :count]
        graph = torch.arange(len(rot), device=rot.device)[:, None]
        turned = torch.einsum("gaij,gai->gaj", rot[graph, fragment], forces)
        torques = torch.linalg.cross(given["body"][system][:, :count] / _LEVER, turned)
        index = fragment[..., None].expand(-1, -1, 3)
        zeros = torch.zeros_like(batch.state["trans"])
        return {
            "trans": zeros.scatter_add(1, index, forces),
            "rot": zeros.scatter_add(1, index, torques),
        }
