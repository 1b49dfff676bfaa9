"""What the ties alone say of a noised pose: their energy, its score, and where that leads."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.docking.data.system import points
from molgen.docking.models.ties import Ties


@dataclass(frozen=True)
class Closed:
    """A pose and its links.

    Attributes:
        energy: `[graphs]`, kT, by which the links differ from free fragments.
        score: minus its derivatives by both fields, in tangent coordinates `[graphs, K, 3]`.
        pose: the batch where that score alone denoises it to.
    """

    energy: Tensor
    score: dict[str, Tensor]
    pose: Batch


def close(ties: Ties, processes: Processes, batch: Batch, t: Tensor) -> Closed:
    """Ask the ties, in the frame in which the signal of the centres stays 1; `t`: `[graphs]`."""
    trans, rows = processes["trans"], batch.rows["trans"]
    signal = rows.spread(trans.signal(t), batch.state["trans"])
    state = {**batch.state, "trans": batch.state["trans"] / signal}
    noises = trans.noise(t) / trans.signal(t), processes["rot"].noise(t)
    energy, force, torque = ties(points(state, batch.given), state, batch.given, *noises)
    score = {"trans": rows.zero(force / signal), "rot": batch.rows["rot"].zero(torque)}
    pose = {}
    for name, process in processes.items():
        rows = batch.rows[name]
        step = rows.spread(process.noise(t).square(), score[name]) * score[name]
        pose[name] = process.manifold.exp(batch.state[name], step, rows)
    return Closed(energy, score, batch.replace(**pose))
