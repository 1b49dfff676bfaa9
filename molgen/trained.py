"""A checkpoint as tools that know no pillar see it: a model, shapes, clean data, what it drew."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.core.batch import Batch
from molgen.core.models import ScoreModel
from molgen.core.processes import Processes
from molgen.errors import UsageError
from molgen.sampler import SampleTable


@dataclass(frozen=True)
class Trained(ABC):
    """What is trained: each pillar has its own, in `molgen.<pillar>.trained`.

    Attributes:
        checkpoint: where it is from.
        model: has `processes` and `score`; energy models also `energy` and `evaluate`.
    """

    checkpoint: Checkpoint
    model: Any

    @classmethod
    @abstractmethod
    def of(cls, checkpoint: Checkpoint, **context: Any) -> Self:
        """That of a checkpoint; `context` is what a draw is given, such as a receptor."""

    @property
    def name(self) -> str:
        """The recipe's."""
        return self.checkpoint.recipe.name

    @property
    def processes(self) -> Processes:
        """Of each field."""
        return dict(self.model.processes)

    @property
    def table(self) -> SampleTable:
        """How its recipe draws."""
        return SampleTable.of_checkpoint(self.checkpoint)

    @abstractmethod
    def shapes(self, count: int, *, seed: int = 0, first: int = 0) -> Batch:
        """The shapes of the draws `first`, `first + 1`, ... of a seed; the state means nothing."""

    @abstractmethod
    def data(self, count: int, *, seed: int = 0) -> Batch:
        """Clean data that training did not see, at most `count`.

        Raises:
            UsageError: there are none here; how to get them.
        """

    def exact(self) -> ScoreModel | None:
        """The score of its data in closed form, where one is known."""
        return None

    @abstractmethod
    def decoded(self, end: Batch, t: Tensor) -> Sequence[Any]:
        """What a user calls a draw, of each graph, from the end of a reverse process at `t`."""


def load(checkpoint: str | Path, **context: Any) -> Trained:
    """What a checkpoint's pillar makes of it.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        **context: what a draw is given; of docking models `receptor` and `ligand`, files.

    Raises:
        UsageError: no such checkpoint, one that draws nothing, or context that it has no use for.
    """
    found = checkpoints.load(checkpoint)
    try:
        pillar = import_module(f"molgen.{found.recipe.task}.trained")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(f"molgen.{found.recipe.task}"):
            raise
        raise UsageError(
            f"{found.folder}: a model for {found.recipe.task}, which draws nothing"
        ) from None
    made: Trained = pillar.TRAINED.of(found, **context)
    return made


def refuse_context(checkpoint: Checkpoint, context: Any) -> None:
    """For models whose draws are given nothing.

    Raises:
        UsageError: something was given.
    """
    if context:
        raise UsageError(f"{checkpoint.folder}: the model has no use for {', '.join(context)}")
