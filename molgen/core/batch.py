"""A batch of graphs: what diffuses, which graph each row of it belongs to, and what is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from molgen.core.rows import DenseRows, PackedRows, Rows
from molgen.errors import MolgenError

__all__ = ["Batch", "DenseRows", "PackedRows", "Rows"]


@dataclass(frozen=True)
class Batch:
    """Some graphs at once.

    Attributes:
        state: what diffuses, one tensor a field (`pos`, `x`, `adj`, `trans`, `rot`, ...).
        rows: for each field of the state, and each given tensor that has rows, which graph they
            belong to.
        given: conditioning that does not diffuse (atom types, pocket, edges, ...); a tensor without
            an entry in `rows` is shared by all graphs.
        ids: a name for each graph, kept through every step.

    Raises:
        MolgenError: a field has no rows, or rows of another shape or number of graphs.
    """

    state: Mapping[str, Tensor]
    rows: Mapping[str, Rows]
    given: Mapping[str, Tensor] = field(default_factory=dict)
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.state:
            raise MolgenError("batch: the state is empty")
        for name in self.state:
            if name not in self.rows:
                raise MolgenError(f"batch: field '{name}' of the state has no rows")
        for name, rows in self.rows.items():
            values = self.state[name] if name in self.state else self.given.get(name)
            if values is None:
                raise MolgenError(f"batch: rows for '{name}', which is neither state nor given")
            if rows.graphs != self.graphs or not rows.fits(values):
                raise MolgenError(
                    f"batch: '{name}' of shape {tuple(values.shape)} does not fit its rows "
                    f"({rows.graphs} of {self.graphs} graphs)"
                )
        if self.ids and len(self.ids) != self.graphs:
            raise MolgenError(f"batch: {len(self.ids)} ids for {self.graphs} graphs")

    @property
    def graphs(self) -> int:
        """Number of graphs."""
        return self.rows[next(iter(self.state))].graphs

    def replace(self, **fields: Tensor) -> Batch:
        """The same batch with some fields of its state replaced.

        Raises:
            MolgenError: there is no such field.
        """
        for name in fields:
            if name not in self.state:
                known = ", ".join(self.state)
                raise MolgenError(f"batch: no field '{name}' in the state (there are {known})")
        return dataclasses.replace(self, state={**self.state, **fields})

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Batch:
        """The same batch on another device, its floating-point tensors in another dtype."""

        def moved(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {
                name: value.to(device, dtype if value.is_floating_point() else None)
                for name, value in values.items()
            }

        return dataclasses.replace(
            self,
            state=moved(self.state),
            rows={name: rows.to(device) for name, rows in self.rows.items()},
            given=moved(self.given),
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
