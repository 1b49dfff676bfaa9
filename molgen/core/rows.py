"""Which graph each row of a tensor belongs to: padded (dense) or packed one after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from molgen.errors import MolgenError


class Rows(Protocol):
    """Which graph each row of a field belongs to: all that knows of padding and packing."""

    @property
    def graphs(self) -> int:
        """Number of graphs."""
        ...

    def spread(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """Per-graph values `[graphs]`, shaped so that they broadcast against the rows of `like`."""
        ...

    def total(self, values: Tensor) -> Tensor:
        """Sum over the real rows of each graph: `[graphs, *features]`."""
        ...

    def back(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """Per-graph features `[graphs, *features]`, shaped to broadcast against `like`."""
        ...

    def count(self, like: Tensor) -> Tensor:
        """Number of real rows of each graph, `[graphs]`, in `like`'s dtype, on its device."""
        ...

    def width(self, like: Tensor) -> int:
        """Number of features in one row of `like`."""
        ...

    def zero(self, values: Tensor) -> Tensor:
        """`values` with padded rows set to zero."""
        ...

    def units(self, like: Tensor) -> Iterator[Tensor]:
        """Tensors like `like`, each with a single 1 in every graph, that together fill every graph.

        Ones may fall on padding; a packed graph smaller than the others gets none at the end.
        """
        ...

    def places(self, like: Tensor) -> Tensor:
        """A number for each entry of a graph's slice, int64 shaped as `like`.

        No two entries of a graph share one, and padding or other graphs do not change it.
        """
        ...

    def swap(self, pairs: Tensor) -> Tensor:
        """Rows that are pairs, with row (i, j) where (j, i) was."""
        ...

    def fits(self, values: Tensor) -> bool:
        """Whether the leading sizes of `values` are those of these rows."""
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

    Raises:
        MolgenError: the mask has another shape.
    """

    graphs: int
    axes: tuple[int, ...]
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        if self.mask is not None and self.mask.shape != (self.graphs, *self.axes):
            raise MolgenError(
                f"rows: a mask of shape {tuple(self.mask.shape)} for {self.graphs} graphs with "
                f"axes {self.axes}"
            )

    def spread(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """Per-graph values `[graphs]` as `[graphs, 1, ...]`, with the rank of `like`."""
        return per_graph.reshape(self.graphs, *(1,) * (like.ndim - 1))

    def total(self, values: Tensor) -> Tensor:
        """Sum over the real rows: `[graphs, *axes, *features]` -> `[graphs, *features]`."""
        return self.zero(values).sum(dim=tuple(range(1, 1 + len(self.axes))))

    def back(self, per_graph: Tensor, like: Tensor) -> Tensor:
        """`[graphs, *features]` -> `[graphs, 1, .., *features]`."""
        del like
        return per_graph.reshape(self.graphs, *(1,) * len(self.axes), *per_graph.shape[1:])

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

    def units(self, like: Tensor) -> Iterator[Tensor]:
        """One for each entry of a graph's slice."""
        flat = like.new_zeros(like.shape).flatten(1)
        for k in range(flat.shape[1]):
            unit = flat.clone()
            unit[:, k] = 1.0
            yield unit.reshape(like.shape)

    def places(self, like: Tensor) -> Tensor:
        """Each axis has 16 bits of the number to itself, so that its length does not matter."""
        places = torch.arange(self.width(like), device=like.device)
        for axis in reversed(range(len(self.axes))):
            step = 1 << 16 * (len(self.axes) - axis)
            places = torch.arange(self.axes[axis], device=like.device)[:, None] * step + places
            places = places.flatten()
        return places.reshape(1, *like.shape[1:]).expand(like.shape)

    def swap(self, pairs: Tensor) -> Tensor:
        """The two row axes exchanged.

        Raises:
            MolgenError: these rows are no square of pairs.
        """
        if len(self.axes) != 2 or self.axes[0] != self.axes[1]:
            raise MolgenError(f"rows: pairs need two equal axes (N, N), not {self.axes}")
        return pairs.transpose(1, 2)

    def fits(self, values: Tensor) -> bool:
        """Whether `values` is `[graphs, *axes, ...]`."""
        return values.shape[: 1 + len(self.axes)] == (self.graphs, *self.axes)

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

    def units(self, like: Tensor) -> Iterator[Tensor]:
        """One for each entry of the largest graph; smaller graphs get none for rows they lack."""
        place = self._within()
        for row in range(int(place.max()) + 1 if len(place) else 0):
            here = (place == row).to(like)
            for k in range(self.width(like)):
                unit = like.new_zeros(len(like), self.width(like))
                unit[:, k] = here
                yield unit.reshape(like.shape)

    def places(self, like: Tensor) -> Tensor:
        """As those of unpadded dense rows."""
        row = self._within()[:, None] << 16
        places = row + torch.arange(self.width(like), device=like.device)
        return places.reshape(like.shape)

    def _within(self) -> Tensor:
        """The place of each row in its graph: int64 `[rows]`."""
        counts = torch.bincount(self.index, minlength=self.graphs)
        first = (counts.cumsum(0) - counts)[self.index]
        return torch.arange(len(self.index), device=self.index.device) - first

    def swap(self, pairs: Tensor) -> Tensor:
        """Not possible.

        Raises:
            MolgenError: always.
        """
        raise MolgenError(
            "rows: packed rows are no square of pairs; use DenseRows with axes (N, N)"
        )

    def fits(self, values: Tensor) -> bool:
        """Whether `values` is `[rows, ...]`."""
        return values.shape[:1] == self.index.shape

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
