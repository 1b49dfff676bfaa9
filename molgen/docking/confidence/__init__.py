r"""How likely a pose is right: learned from docked poses whose distance from the true one is known.

    p(RMSD < 2 Å) = sigmoid(w . (evidence - mean) / scale + b)

A handful of weights: what a network that looks at the pose learns of a few hundred complexes does
not carry over to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch, DenseRows
from molgen.core.losses.loss import Loss
from molgen.core.processes import Processes

RIGHT_NM = 0.2
"""A pose nearer than this to the true one is right."""


class Confidence(nn.Module):
    """The log-odds that poses are right.

    Args:
        columns: of evidence.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("scale", torch.ones(columns))
        self.weigh = nn.Linear(columns, 1)
        nn.init.zeros_(self.weigh.weight)

    def standardise(self, evidence: Tensor) -> None:
        """Take the mean and the deviation of each column of this evidence, `[poses, columns]`."""
        self.mean.copy_(evidence.mean(0))
        self.scale.copy_(evidence.std(0).clamp_min(1e-3))

    def odds(self, evidence: Tensor) -> Tensor:
        """Log-odds `[poses]` from evidence `[poses, columns]`."""
        weighed: Tensor = self.weigh((evidence - self.mean) / self.scale)[:, 0]
        return weighed

    def forward(self, batch: Batch) -> Tensor:
        """Log-odds `[graphs]` of `poses`."""
        return self.odds(batch.state["evidence"])


def poses(evidence: Tensor, right: Tensor, of: Tensor) -> Batch:
    """Judged poses as `Ranking` wants them.

    Args:
        evidence: `[poses, columns]`.
        right: `[poses]`, 1 or 0.
        of: `[poses]` int64, the number of the ligand of each.
    """
    rows, each = DenseRows(len(evidence), (evidence.shape[1],)), DenseRows(len(evidence), ())
    return Batch(
        {"evidence": evidence},
        {"evidence": rows, "right": each, "ligand": each},
        {"right": right, "ligand": of},
    )


@dataclass(frozen=True)
class Ranking(Loss):
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
        right, ligand = batch.given["right"], batch.given["ligand"]
        log_loss = nn.functional.binary_cross_entropy_with_logits(odds, right)
        of = ligand[:, None] == ligand.unique()
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
