r"""The divergence of a field of tangent vectors: exact over a frame, or from random probes.

    div V = sum_k <e_k, dV(e_k)> = E <v, dV(v)>

over an orthonormal frame e_k of the tangent space of all fields together, or over random v with
E[v v^T] = 1 (Hutchinson 1989; Grathwohl et al. 2019). Either way a sum or a mean of slopes along
directions, each by one backward pass; the forward pass is shared by all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.jacobian import Tangent, probes
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.errors import UsageError

Field = Callable[[Batch], dict[str, Tensor]]
"""Tangent vectors of every field at a batch."""

SMALL = 128
"""Dimensions of a graph up to which a divergence is exact unless probes are asked for."""

PROBES = 8
"""Of larger graphs."""

_AT_ONCE = 2**17
"""Numbers in the states that are differentiated together, one a direction: bounds the memory."""


@dataclass(frozen=True)
class Directions:
    """Along what a field is differentiated.

    Attributes:
        fields: `[K, *field]` tangent vectors of each field.
        exact: they are a frame, so that slopes add up; otherwise each slope is an estimate.
    """

    fields: Tangent
    exact: bool

    @classmethod
    def of(
        cls, processes: Processes, batch: Batch, count: int | None, generator: Random
    ) -> Directions:
        """A frame, or probes.

        Args:
            processes: of all fields; their manifolds have frames.
            batch: whose tangent space.
            count: of probes, at least two; 0: a frame; None: a frame if it is small.
            generator: for the probes.

        Raises:
            UsageError: a number of probes that gives no standard error.
        """
        if count is None:
            dims = [
                process.manifold.dim(batch.state[name], batch.rows[name])
                for name, process in processes.items()
            ]
            count = 0 if torch.stack(dims).sum(0).max() <= SMALL else PROBES
        if count == 0:
            return cls(_frame(processes, batch), exact=True)
        if count < 2:
            raise UsageError(f"likelihood: {count} probe gives no standard error; take two or more")
        drawn = [probes(processes, batch, generator) for _ in range(count)]
        return cls({name: torch.stack([v[name] for v in drawn]) for name in processes}, exact=False)

    def slopes(
        self, processes: Processes, field: Field, batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """<v, dV(v)> along each direction v, `[K, graphs]`, and V itself.

        From the gradient of <v, V(x)> by x, one batched backward pass.
        """
        state = dict(batch.state)

        def product(x: dict[str, Tensor], v: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
            value = field(batch.replace(**x))
            inner = [
                process.manifold.inner(value[name], v[name], batch.rows[name]).sum()
                for name, process in processes.items()
            ]
            return torch.stack(inner).sum(), value

        def slope(v: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
            ambient, value = torch.func.grad(product, has_aux=True)(state, v)
            along = []
            for name, process in processes.items():
                x, rows = batch.state[name], batch.rows[name]
                gradient = process.manifold.gradient(x, ambient[name], rows)
                along.append(process.manifold.inner(gradient, v[name], rows))
            return torch.stack(along).sum(0), value

        size = sum(x.numel() for x in state.values())
        each = torch.func.vmap(slope, out_dims=(0, None))  # type: ignore[arg-type]
        chunk = max(1, _AT_ONCE // max(size, 1))
        chunks = {name: torch.split(v, chunk) for name, v in self.fields.items()}
        found = [
            each(dict(zip(chunks, some, strict=True)))
            for some in zip(*chunks.values(), strict=True)
        ]
        return torch.cat([slopes for slopes, _ in found]), found[0][1]

    def total(self, slopes: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence, and its standard error, of slopes or integrals of them `[K, graphs]`."""
        if self.exact:
            return slopes.sum(0), torch.zeros_like(slopes[0])
        return slopes.mean(0), slopes.std(0) / len(slopes) ** 0.5


def _frame(processes: Processes, batch: Batch) -> dict[str, Tensor]:
    """The frames of all fields one after the other, zero in every field but one: `[K, *field]`."""
    one = next(iter(batch.state.values())).new_ones(batch.graphs)
    still = {
        name: torch.zeros_like(process.base_score(batch.state[name], one, batch.rows[name]))
        for name, process in processes.items()
    }
    vectors: dict[str, list[Tensor]] = {name: [] for name in processes}
    for name, process in processes.items():
        for unit in process.manifold.frame(batch.state[name], batch.rows[name]):
            for other, zero in still.items():
                vectors[other].append(unit if other == name else zero)
    return {name: torch.stack(units) for name, units in vectors.items()}
