r"""Poses by a score: a force on every atom, and what the forces do to rigid fragments.

    score_trans = sum_atoms f,    score_rot = sum_atoms (x - T) x f

as SigmaDock has it (Prat et al. 2025), but for what has a closed form: free fragments under the
noise, and the junctions between them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.docking.data.system import points
from molgen.docking.models.junctions import Junctions
from molgen.docking.models.network import PoseNetwork
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
        self.junctions = Junctions(network.processes["trans"].data_std)
        width, pair = network.shape.width, network.shape.pair_width
        self.along_contacts = start_small(nn.Linear(pair, 1, bias=False))
        self.along_pairs = start_small(nn.Linear(pair, 1, bias=False))
        self.gate = nn.Sequential(
            nn.Linear(network.width, width), nn.SiLU(), start_small(nn.Linear(width, 2 * pair))
        )

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t) of both fields, in tangent coordinates; `t`: `[graphs]`."""
        prior = self._junctions(batch, t)
        seen = self.network(self._closed(batch, t, prior), t)
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
                + prior[name]
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

    def _junctions(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """The part of the links, by the noise in the frame in which the signal stays 1."""
        trans, rows = self.processes["trans"], batch.rows["trans"]
        m = trans.signal(t)
        state = {
            **batch.state,
            "trans": batch.state["trans"] / rows.spread(m, batch.state["trans"]),
        }
        force, torque = self.junctions.force(
            points(state, batch.given),
            state["trans"],
            batch.given,
            trans.noise(t) / m,
            self.processes["rot"].noise(t),
        )
        turned = (batch.state["rot"].mT @ torque[..., None])[..., 0]
        return {"trans": rows.zero(force / rows.spread(m, force)), "rot": rows.zero(turned)}

    def _closed(self, batch: Batch, t: Tensor, prior: Mapping[str, Tensor]) -> Batch:
        """The pose that the links alone would make of it: what they know, the network need not."""
        state = {}
        for name, process in self.processes.items():
            rows = batch.rows[name]
            step = rows.spread(process.noise(t).square(), prior[name]) * prior[name]
            state[name] = process.manifold.exp(batch.state[name], step, rows)
        return batch.replace(**state)
