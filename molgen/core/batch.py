"""A batch of graphs: the fields that diffuse, which graph each of their rows belongs to, and what is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

import torch
from torch import Tensor


class Rows(Protocol):
    """Which graph each row of a field belongs to: the only code that knows about padding and packing."""

    @property
    def graphs(self) -> int:
        """Number of graphs."""
        ...

    def spread(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """Per-graph values `[graphs]`, shaped so that they broadcast against the rows of `like`."""
        ...

    def total(self, values: Tensor) -> Tensor:
        """Sum over the real rows of each graph: rows x `[*features]` -> `[graphs, *features]`."""
        ...

    def back(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """Per-graph features `[graphs, *features]`, shaped so that they broadcast against `like`."""
        ...

    def count(self, like: Tensor) -> Tensor:
        """Number of real rows of each graph, `[graphs]`, in the dtype and on the device of `like`."""
        ...

    def width(self, like: Tensor) -> int:
        """Number of features in one row of `like`."""
        ...

    def zero(self, values: Tensor) -> Tensor:
        """`values` with padded rows set to zero."""
        ...

    def take(self, graphs: Tensor) -> tuple[Self, Tensor]:
        """The rows of some graphs (int64 `[k]`, repeats allowed), and which rows those are."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The same rows on another device."""
        ...


@dataclass(frozen=True)
class DenseRows:
    """Rows of padded tensors `[graphs, *axes, *features]`.

    Attributes:
        graphs: number of graphs.
        axes: sizes of the row axes: `(N,)` for nodes, `(N, N)` for node pairs.
        mask: bool `[graphs, *axes]`, true where a row is real; None when nothing is padded.
    """

    graphs: int
    axes: tuple[int, ...]
    mask: Tensor | None = None

    def spread(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """Per-graph values `[graphs]` as `[graphs, 1, ...]`, with the rank of `like`."""
        return per_graph.reshape(self.graphs, *(1,) * (like.ndim - 1))

    def total(self, values: Tensor) -> Tensor:
        """Sum over the row axes, padding left out: `[graphs, *axes, *features]` -> `[graphs, *features]`."""
        return self.zero(values).sum(dim=tuple(range(1, 1 + len(self.axes))))

    def back(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """`[graphs, *features]` -> `[graphs, 1, .., *features]`."""
        del like
        return per_graph.reshape(
            self.graphs, *(1,) * len(self.axes), *per_graph.shape[1:]
        )

    def count(self, like: Tensor) -> Tensor:
        """Number of real rows of each graph, `[graphs]`."""
        if self.mask is None:
            return like.new_full((self.graphs,), float(torch.Size(self.axes).numel()))
        return self.mask.flatten(1).sum(1).to(like)

    def width(self, like: Tensor) -> int:
        """Number of features in one row."""
        return like.shape[1 + len(self.axes) :].numel()

    def zero(self, values: Tensor) -> Tensor:
        """`values` with padded rows set to zero."""
        if self.mask is None:
            return values
        mask = self.mask.reshape(*self.mask.shape, *(1,) * (values.ndim - self.mask.ndim))
        return torch.where(mask, values, 0.0)

    def take(self, graphs: Tensor) -> tuple[Self, Tensor]:
        """The rows of some graphs; they are the slices `graphs` of the first axis."""
        mask = None if self.mask is None else self.mask[graphs]
        return dataclasses.replace(self, graphs=len(graphs), mask=mask), graphs

    def to(self, device: torch.device | str) -> Self:
        """The same rows on another device."""
        mask = None if self.mask is None else self.mask.to(device)
        return dataclasses.replace(self, mask=mask)


@dataclass(frozen=True)
class PackedRows:
    """Rows of ragged tensors `[rows, *features]`, all graphs one after the other.

    Attributes:
        graphs: number of graphs.
        index: int64 `[rows]`, the graph of each row, not decreasing.
    """

    graphs: int
    index: Tensor

    def spread(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """Per-graph values `[graphs]` as `[rows, 1, ...]`, with the rank of `like`."""
        return per_graph[self.index].reshape(-1, *(1,) * (like.ndim - 1))

    def total(self, values: Tensor) -> Tensor:
        """Sum over the rows of each graph: `[rows, *features]` -> `[graphs, *features]`."""
        return values.new_zeros(self.graphs, *values.shape[1:]).index_add(0, self.index, values)

    def back(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """`[graphs, *features]` -> `[rows, *features]`."""
        del like
        return per_graph[self.index]

    def count(self, like: Tensor) -> Tensor:
        """Number of rows of each graph, `[graphs]`."""
        return torch.bincount(self.index, minlength=self.graphs).to(like)

    def width(self, like: Tensor) -> int:
        """Number of features in one row."""
        return like.shape[1:].numel()

    def zero(self, values: Tensor) -> Tensor:
        """`values` as they are: packed rows have no padding."""
        return values

    def take(self, graphs: Tensor) -> tuple[Self, Tensor]:
        """The rows of some graphs, packed again in the order asked for."""
        counts = torch.bincount(self.index, minlength=self.graphs)
        starts = counts.cumsum(0) - counts
        taken = counts[graphs]
        index = torch.repeat_interleave(torch.arange(len(graphs), device=graphs.device), taken)
        within = torch.arange(len(index), device=graphs.device) - (taken.cumsum(0) - taken)[index]
        rows = starts[graphs][index] + within
        return dataclasses.replace(self, graphs=len(graphs), index=index), rows

    def to(self, device: torch.device | str) -> Self:
        """The same rows on another device."""
        return dataclasses.replace(self, index=self.index.to(device))


@dataclass(frozen=True)
class Batch:
    """Some graphs at once.

    Attributes:
        state: what diffuses, one tensor a field (`pos`, `x`, `adj`, `trans`, `rot`, ...).
        rows: for each field of the state, and each given tensor that has rows, which graph they belong to.
        given: conditioning that does not diffuse (atom types, pocket, edges, ...); a tensor without an
            entry in `rows` is shared by all graphs.
        ids: a name for each graph, kept through every step.
    """

    state: Mapping[str, Tensor]
    rows: Mapping[str, Rows]
    given: Mapping[str, Tensor] = field(default_factory=dict)
    ids: tuple[str, ...] = ()

    @property
    def graphs(self) -> int:
        """Number of graphs."""
        return self.rows[next(iter(self.state))].graphs

    def replace(self, **fields: Tensor) -> Batch:
        """The same batch with some fields of its state replaced."""
        return dataclasses.replace(self, state={**self.state, **fields})

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return dataclasses.replace(
            self,
            state={name: value.to(device) for name, value in self.state.items()},
            rows={name: rows.to(device) for name, rows in self.rows.items()},
            given={name: value.to(device) for name, value in self.given.items()},
        )

    def take(self, graphs: Tensor) -> Batch:
        """Some of the graphs (int64 `[k]`), repeats allowed."""
        taken = {name: rows.take(graphs) for name, rows in self.rows.items()}
        return Batch(
            state={name: value[taken[name][1]] for name, value in self.state.items()},
            rows={name: rows for name, (rows, _) in taken.items()},
            given={
                name: value[taken[name][1]] if name in taken else value
                for name, value in self.given.items()
            },
            ids=tuple(self.ids[i] for i in graphs.tolist()) if self.ids else (),
        )
