"""Target score matching: where the forces of the data are known, they teach the score.

Of x_t = m x_0 + s eps, the score is also a mean of scores of the data,

    grad log q_t(x_t) = E[grad log q_0(x_0) | x_t] / m,

as denoising has it as a mean of -eps / s. Of a molecule at temperature T, grad log q_0 is the force
over kT. At small noise the forces vary far less than eps / s does, so that a model learns more of
each frame; at large noise it is the other way round. De Bortoli, Hutchinson, Wirnsberger & Doucet
2024, arXiv:2402.08667.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.losses.corruption import OnPart, corrupt
from molgen.core.processes import Processes
from molgen.core.processes.linear import LinearProcess
from molgen.errors import UsageError


def score_name(field: str) -> str:
    """Under what name a clean batch gives the score of its data, in the shape of the field."""
    return f"score of {field}"


@dataclass(frozen=True)
class TargetScore(OnPart):
    """E |score - grad log q_0(x_0) / m|^2 over the mean square of the target, mean of fields.

    `high` is the noise at which denoising has no more scatter than the forces; see `OnPart`.
    """

    high: float | None = 0.1

    name: ClassVar[str] = "target_score"

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
        progress: float = 1.0,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch, and itself to log; the same at any `progress`.

        Raises:
            UsageError: the batch does not give scores, or a field is not of flat space.
        """
        del progress
        known = {name: p for name, p in processes.items() if score_name(name) in batch.given}
        if not known:
            raise UsageError("target_score: these data have no forces; leave the loss out")
        part, t = self.part(processes, batch, generator)
        noised, _, _ = corrupt(processes, part, t, generator)
        score = model.score(noised, t)
        found = []
        for name, process in known.items():
            if not isinstance(process, LinearProcess):
                raise UsageError(f"target_score: field '{name}' needs a process of flat space")
            rows, manifold = part.rows[name], process.manifold
            clean = part.given[score_name(name)]
            target = manifold.project(clean / rows.spread(process.signal(t), clean), rows)
            error = score[name] - target
            square = manifold.inner(target, target, rows).mean()
            found.append(manifold.inner(error, error, rows).mean() / square)
        loss = torch.stack(found).mean()
        return loss, {"target_score": loss.detach()}
