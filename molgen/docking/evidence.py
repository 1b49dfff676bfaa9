"""What speaks for a pose, besides how it looks: energies, agreement, the model's own unrest."""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.docking.models import PoseModel
from molgen.docking.physics import Scoring
from molgen.docking.rigid import laid_upon

AGREE_NM = 0.2
"""Poses nearer than this agree."""

LEVELS = (0.02, 0.05, 0.12)
"""Noise of the centres, nm, at which the model is asked how far the pose should still move."""

EVIDENCE = (
    "energy",
    "energy above the best",
    "affinity",
    "strain",
    "agreement",
    *(f"unrest at {level:g} nm" for level in LEVELS),
    "atoms",
)
"""Names of the columns."""


def gather(
    model: PoseModel, batch: Batch, scoring: Scoring, poses: Tensor, among: Tensor
) -> Tensor:
    """Evidence of the poses of one ligand in one pocket, in numbers of order one: `[b, columns]`.

    Args:
        model: that proposed them.
        batch: its fragments, the conformer of each pose.
        scoring: the physical energy.
        poses: `[b, atoms, 3]` nm, about the pocket's centre.
        among: `[p, atoms, 3]` nm, the poses that were drawn, whose agreement counts.
    """
    within = scoring.intramolecular(poses)
    energy = scoring.intermolecular(poses) + within
    best = (scoring.intermolecular(among) + scoring.intramolecular(among)).min()
    apart = (poses[:, None] - among[None]).square().sum(-1).mean(-1).sqrt()
    columns = [
        energy / 8,
        (energy - best) / 4,
        scoring.affinity(poses) / 8,
        within / 4,
        (apart < AGREE_NM).to(poses).mean(1),
        *unrest(model, laid_upon(batch, poses)),
        torch.full_like(energy, poses.shape[1] / 30),
    ]
    return torch.stack([column.clamp(-5, 5) for column in columns], dim=1)


def unrest(model: PoseModel, batch: Batch) -> list[Tensor]:
    """How far the model would still move the poses, in units of the noise: `[b]` each level."""
    trans = model.processes["trans"]
    sizes = []
    for level in LEVELS:
        t = trans.time_of(torch.tensor(level)).to(batch.state["trans"]).expand(batch.graphs)
        centres = trans.scaled(batch.state["trans"], torch.zeros_like(t), t, batch.rows["trans"])
        noised = batch.replace(trans=centres)
        score = model.score(noised, t)
        square, dim = torch.zeros_like(t), torch.zeros_like(t)
        for name, process in model.processes.items():
            rows, manifold = batch.rows[name], process.manifold
            norm = manifold.inner(score[name], score[name], rows)
            square = square + norm / process.score_std(t).square()
            dim = dim + manifold.dim(noised.state[name], rows)
        sizes.append(torch.sqrt(square / dim))
    return sizes
