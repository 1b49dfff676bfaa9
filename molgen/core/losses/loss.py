"""What training asks of a loss, whatever that measures; the losses are in `molgen.core.losses`."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes


class Loss(Protocol):
    """A term of the training objective."""

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
        progress: float = 1.0,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch, and what to log; `progress`: of the training, from 0 to 1."""
        ...

    def asleep(self, progress: float) -> bool:
        """Whether it has no gradient at this part of the training; most losses always have one."""
        return False
