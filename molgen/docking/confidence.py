r"""How likely a pose is right: learned from docked poses whose distance from the true one is known.

    p(RMSD < 2 Å) = sigmoid(evidence + sum_atoms MLP(features))

The network looks at the pose as the one that draws poses does; the evidence is the physical energy,
the agreement of the draws, and how far the drawing model would still move the pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.docking.network import PoseNetwork
from molgen.docking.system import System, as_batch, whole
from molgen.nn.radial import start_small

RIGHT_NM = 0.2
"""A pose nearer than this to the true one is right."""


class Confidence(nn.Module):
    """A model of the log-odds that poses are right.

    Args:
        processes: those of the network.
        network: what sees the pose.
        columns: of evidence.
    """

    def __init__(self, processes: Processes, network: PoseNetwork, columns: int) -> None:
        super().__init__()
        self.processes = dict(processes)
        self.network = network
        width = network.shape.width
        self.look = nn.Sequential(
            nn.Linear(network.width, width),
            nn.SiLU(),
            start_small(nn.Linear(width, 1)),
        )
        self.weigh = nn.Sequential(nn.Linear(columns, 32), nn.SiLU(), start_small(nn.Linear(32, 1)))

    def forward(self, batch: Batch) -> Tensor:
        """Log-odds `[graphs]` of a batch of `poses`."""
        like = batch.state["trans"]
        seen = self.network(batch, like.new_zeros(batch.graphs))
        each = torch.where(seen.mask, self.look(seen.atoms)[..., 0], 0.0)
        scale = seen.mask.sum(1).to(each).sqrt()
        weighed: Tensor = self.weigh(batch.given["evidence"])[:, 0]
        return weighed + each.sum(1) / scale


def poses(systems: Sequence[System], positions: Sequence[Tensor], evidence: Tensor) -> Batch:
    """Poses as `Confidence` wants them.

    Args:
        systems: pocket and ligand of each pose.
        positions: `[atoms, 3]` nm of each, about the pocket's centre.
        evidence: `[poses, columns]`.
    """
    made = [whole(system, x) for system, x in zip(systems, positions, strict=True)]
    batch = as_batch(made)
    return Batch(
        batch.state,
        {**batch.rows, "evidence": batch.rows["system"]},
        {**batch.given, "evidence": evidence},
    )


@dataclass(frozen=True)
class Ranking:
    """Log-loss of each pose, and of choosing among the poses of a ligand, half and half.

    The second, -log of the share of softmax(log-odds) on right poses, is over those ligands of the
    batch of which some but not all poses are right.
    """

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
        progress: float = 1.0,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch with labels, and its parts."""
        del processes, generator, progress
        odds = model(batch)
        right, site = batch.given["right"], batch.given["site"]
        log_loss = nn.functional.binary_cross_entropy_with_logits(odds, right)
        of = site[:, None] == torch.arange(len(batch.given["pocket"]), device=site.device)
        held = of & (right > 0.5)[:, None]
        mixed = held.any(0) & (of & ~held).any(0)
        everything = torch.where(of, odds[:, None], -torch.inf)[:, mixed].logsumexp(0)
        good = torch.where(held, odds[:, None], -torch.inf)[:, mixed].logsumexp(0)
        choice = (everything - good).sum() / mixed.sum().clamp_min(1)
        return 0.5 * (log_loss + choice), {
            "log_loss": log_loss.detach(),
            "choice": choice.detach(),
            "top_1": _top(odds.detach(), right, of),
        }


def _top(odds: Tensor, right: Tensor, of: Tensor) -> Tensor:
    """Share of the ligands whose best-ranked pose is right."""
    best = torch.where(of, odds[:, None], -torch.inf).argmax(0)
    return right[best].mean()
