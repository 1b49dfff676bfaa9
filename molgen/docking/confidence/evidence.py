"""What speaks for a pose: two energies, its funnel, what the drawing model finds of it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel
from molgen.docking.models.kinds import PoseModel
from molgen.docking.search import Searched
from molgen.docking.search.exploring import Physics

LEVELS = (0.02, 0.05, 0.12)
"""Noise of the centres, nm, at which the model is asked what it finds of the pose."""

_LEAST_SHARE = -10.0

EVIDENCE = (
    "energy",
    "energy above the best",
    "second energy above that of the best",
    "share of the search",
    "disfavour above the least",
    "atoms",
)
"""Names of the columns."""


def gather(
    model: PoseModel, drawn: Batch, physics: Physics, poses: Tensor, found: Searched
) -> Tensor:
    """Evidence of the poses of one ligand in one pocket, in numbers of order one: `[b, columns]`.

    Args:
        model: that drew the poses the search began with.
        drawn: the poses in fragments, as the model draws them.
        physics: its energies.
        poses: `[b, atoms, 3]` nm, about the pocket's centre.
        found: by the search.
    """
    scoring, second = physics.scoring, physics.second
    energy = scoring.intermolecular(poses) + scoring.intramolecular(poses)
    others, best = (
        second.intermolecular(x) + second.intramolecular(x) for x in (poses, found.poses[:1])
    )
    bad = disfavour(model, drawn)
    columns = [
        energy / 8,
        (energy - found.energy[0]) / 4,
        (others - best) / 4,
        found.share(poses).clamp(min=_LEAST_SHARE) / 3,
        (bad - bad.min()) / 10,
        torch.full_like(energy, poses.shape[1] / 30),
    ]
    return torch.stack([column.clamp(-5, 5) for column in columns], dim=1)


def disfavour(model: PoseModel, batch: Batch) -> Tensor:
    """How bad the model finds the poses of one ligand, by itself: `[b]`, the least is the best.

    Of a model that has an energy, that energy in kT; of a score, which has none, the unrest. The
    mean of the levels.
    """
    if isinstance(model, EnergyModel):
        said = [model.energy(noised, t) for noised, t in _at_levels(model, batch)]
    else:
        said = _unrest(model, batch)
    return torch.stack(said).mean(0)


def _unrest(model: PoseModel, batch: Batch) -> list[Tensor]:
    """How far the model would still move the poses, in units of the noise: `[b]` each level."""
    sizes = []
    for noised, t in _at_levels(model, batch):
        score = model.score(noised, t)
        square, dim = torch.zeros_like(t), torch.zeros_like(t)
        for name, process in model.processes.items():
            rows, manifold = batch.rows[name], process.manifold
            norm = manifold.inner(score[name], score[name], rows)
            square = square + norm / process.score_std(t).square()
            dim = dim + manifold.dim(noised.state[name], rows)
        sizes.append(torch.sqrt(square / dim))
    return sizes


def _at_levels(model: PoseModel, batch: Batch) -> Iterator[tuple[Batch, Tensor]]:
    """The poses as they are taken for draws at each level, and its time."""
    trans = model.processes["trans"]
    for level in LEVELS:
        t = trans.time_of(torch.tensor(level)).to(batch.state["trans"]).expand(batch.graphs)
        centres = trans.scaled(batch.state["trans"], torch.zeros_like(t), t, batch.rows["trans"])
        yield batch.replace(trans=centres), t
