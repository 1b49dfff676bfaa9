"""Conditions made ready for a model: sizes, the steered score, and what is known of every graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from molgen.chem.substructure import Pattern
from molgen.core.batch import Batch
from molgen.core.models.categorical import plainly
from molgen.core.models.known import Inpainted
from molgen.core.processes import Processes
from molgen.core.steering.guidance import Guided, LogLikelihood
from molgen.graphs.conditions.scaffold import KeptScaffold
from molgen.graphs.dense import empty
from molgen.graphs.models.kinds import GraphModel

if TYPE_CHECKING:
    from molgen.graphs.conditions import Conditions

Solve = Callable[[Any, Batch], tuple[Batch, Tensor]]
"""`solve(model, batch)`: a draw of the shape of `batch` by a score model, and its times."""


@dataclass(frozen=True)
class Keeping:
    """The score of graphs given what is known of them, of as many graphs as are asked for.

    A way of steering draws several particles of each graph.

    Attributes:
        processes: of each field.
        kept: the score for a batch, of what is known of its graphs.
    """

    processes: Processes
    kept: Callable[[Batch], Inpainted]

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t | known) of each field; `t`: `[graphs]`."""
        return self.kept(batch).score(batch, t)


@dataclass(frozen=True)
class Given:
    """Conditions made ready for a model.

    Attributes:
        sizes: how frequent graphs of n nodes are, n = 0, 1, ...
        scaffold: what they contain.
        terms: what steers them.
        strength: how much.
        patterns: what no molecule may match.
        weights: checksum of the predictor's.
    """

    sizes: tuple[float, ...]
    scaffold: KeptScaffold | None = None
    terms: tuple[LogLikelihood, ...] = ()
    strength: float = 1.0
    patterns: tuple[Pattern, ...] = ()
    weights: str = ""

    def said(self, conditions: Conditions) -> dict[str, Any]:
        """As JSON has it: what was asked, and of which predictor; nothing if nothing was."""
        asked = conditions.model_dump(mode="json", exclude_defaults=True)
        if self.weights:
            asked["predictor weights"] = self.weights
        return {"conditions": asked} if asked else {}

    def weighed(self, model: GraphModel) -> Given:
        """The same with sizes as likely as what steers makes them: p(n | y) ~ p(n) p(y | n).

        At t = 1 nothing is left to be seen of a graph but its size, and what it is known to have.
        """
        if not self.terms:
            return self
        device = next(model.parameters()).device
        n = torch.tensor([k for k, frequency in enumerate(self.sizes) if frequency], device=device)
        batch = empty(n, model.encodings)
        t = torch.ones(len(n), device=device)
        if self.scaffold is not None:
            batch = self._kept(self.scaffold, model, model, batch).seen(batch, t)
        with torch.no_grad():
            log_p = torch.stack([term(batch, t) for term in self.terms]).sum(0).double()
        prior = torch.tensor(self.sizes, dtype=torch.float64, device=device)
        sizes = torch.zeros_like(prior)
        sizes[n] = (prior[n].log() + self.strength * log_p).softmax(0)
        return dataclasses.replace(self, sizes=tuple(sizes.tolist()))

    def require_room(self, sizes: Tensor) -> None:
        """Refuse sizes of graphs, int64 `[graphs]`, that do not hold what is asked for.

        Raises:
            UsageError: naming the first.
        """
        if self.scaffold is not None:
            for size in sizes.unique().tolist():
                self.scaffold.scaffold.require_room(size)

    def integrate(self, model: GraphModel, batch: Batch, solve: Solve) -> dict[str, Tensor]:
        """Types of nodes and edges, drawn under the conditions.

        Args:
            model: without conditions.
            batch: says the shapes.
            solve: the reverse process.
        """
        steered: Any = model
        if self.terms:
            steered = Guided(model, model.processes, self.terms, self.strength)
        if self.scaffold is None:
            end, t = solve(steered, batch)
            return model.classes(end, t)
        scaffold = self.scaffold

        def kept(some: Batch) -> Inpainted:
            return self._kept(scaffold, steered, model, some)

        end, t = solve(Keeping(model.processes, kept), batch)
        return scaffold.put(model.classes(kept(end).seen(end, t), t), end)

    @staticmethod
    def _kept(scaffold: KeptScaffold, steered: Any, model: GraphModel, batch: Batch) -> Inpainted:
        place = plainly(model.processes, model.encodings)
        known = scaffold.known(batch, model.encodings)
        known.require_independent(model.processes, batch)
        return Inpainted(steered, model.processes, known, place)
