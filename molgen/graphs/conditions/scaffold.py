"""Graphs that contain a scaffold: its rows are known, and stay what they are.

What is drawn are graphs whose first nodes are the scaffold's, which is not quite the model's law of
the graphs that contain it:

- A graph that has the scaffold at k places has k times as many orders of its nodes that begin with
  it as one that has it once, and is drawn k times as often as it should be.
- Sizes are drawn before anything else, from p(n) cut off below, and not from p(n | scaffold), by
  which large graphs, that have more room for it, would be more frequent.
- Models of types that are numbers (`molgen.core.models.categorical.Orders`, those of GDSS) cannot
  be shown what is known without a doubt, as no point makes a number certain: they are left with
  about what the bridge is, and so with the bias of the replacement method
  (`molgen.core.models.known`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from molgen.chem.substructure import Scaffold
from molgen.core.batch import Batch
from molgen.core.models.categorical import Encoding
from molgen.core.models.known import Known


class KeptScaffold:
    """The first nodes of every graph are a scaffold's; edges that it has no room for are absent.

    Known are its nodes, all pairs among them, bonded or not, and the pairs of its closed nodes with
    the nodes outside it.

    Args:
        scaffold: what is kept.
    """

    def __init__(self, scaffold: Scaffold) -> None:
        self.scaffold = scaffold
        self.nodes = torch.from_numpy(scaffold.graph.atoms).long()
        self.edges = torch.from_numpy(scaffold.graph.bonds).long()
        self.closed = ~torch.from_numpy(scaffold.open)

    def __len__(self) -> int:
        return len(self.nodes)

    def types(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Types of nodes and edges, int64 `[graphs, N(, N)]`, and where they are known."""
        (graphs, n), k = batch.state["x"].shape[:2], len(self)
        device = batch.state["x"].device
        inside = torch.arange(n, device=device) < k
        closed = torch.zeros(n, dtype=torch.bool, device=device)
        closed[:k] = self.closed.to(device)
        pairs = inside[:, None] & inside
        pairs |= (closed[:, None] & ~inside) | (~inside[:, None] & closed)
        pairs &= ~torch.eye(n, dtype=torch.bool, device=device)
        nodes = torch.zeros(n, dtype=torch.int64, device=device)
        edges = torch.zeros(n, n, dtype=torch.int64, device=device)
        nodes[:k], edges[:k, :k] = self.nodes.to(device), self.edges.to(device)
        real = {
            name: batch.rows[name].zero(torch.ones(batch.state[name].shape[:-1], device=device))
            for name in ("x", "adj")
        }
        known = {"x": inside & (real["x"] > 0), "adj": pairs & (real["adj"] > 0)}
        types = {"x": nodes.expand(graphs, n), "adj": edges.expand(graphs, n, n)}
        return types, known

    def known(self, batch: Batch, encodings: Mapping[str, Encoding]) -> Known:
        """What is known of a batch's clean state."""
        types, masks = self.types(batch)
        clean = {
            name: encodings[name].encode(types[name]).to(batch.state[name]) * masks[name][..., None]
            for name in types
        }
        return Known(clean, masks)

    def put(self, classes: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Decoded types of nodes and edges, with those of the scaffold exactly as they are."""
        types, masks = self.types(batch)
        return {
            name: torch.where(masks[name], types[name], values) for name, values in classes.items()
        }
