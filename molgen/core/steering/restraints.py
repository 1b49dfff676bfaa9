r"""Measured distances as a reward: draws that agree with them.

Flat-bottomed restraints as for NOE data (Clore & Gronenborn 1998): for pairs i, j

    log p = -1/2 sum_pairs w max(0, d - upper, lower - d)^2

with w in nm^-2, one over the variance of what lies beyond a bound; as a reward it makes a draw one
of the posterior given the measurements.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.steering.rewards import Reward
from molgen.errors import UsageError

Positions = Callable[[Batch], Tensor]
"""`[graphs, atoms, dims]` nm, of a clean batch."""

COLUMNS = ("i", "j", "lower", "upper", "weight")
"""Of a file of restraints."""


@dataclass(frozen=True)
class Restraints:
    """Bounds on distances.

    Attributes:
        pairs: int64 `[pairs, 2]`, atoms, from 0.
        lower: `[pairs]` nm.
        upper: `[pairs]` nm; may be infinite.
        weight: `[pairs]` nm^-2.

    Raises:
        UsageError: bounds out of order, a weight that is not positive, or an atom and itself.
    """

    pairs: Tensor
    lower: Tensor
    upper: Tensor
    weight: Tensor

    def __post_init__(self) -> None:
        for k, (i, j) in enumerate(self.pairs.tolist()):
            low, high, weight = (float(v[k]) for v in (self.lower, self.upper, self.weight))
            if i == j or min(i, j) < 0 or not 0 <= low <= high or not 0 < weight < math.inf:
                raise UsageError(
                    f"restraint {k} of atoms {i} and {j}: {low:g} to {high:g} nm with weight "
                    f"{weight:g}: two atoms, counted from 0, bounds in order and a weight above 0"
                )

    @classmethod
    def of(cls, rows: list[tuple[int, int, float, float, float]]) -> Self:
        """From rows (i, j, lower nm, upper nm, weight nm^-2)."""
        i, j, lower, upper, weight = zip(*rows, strict=True)
        numbers = (torch.tensor(v, dtype=torch.float64) for v in (lower, upper, weight))
        return cls(torch.tensor([i, j]).T.contiguous(), *numbers)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """From a .csv with the columns `i, j, lower, upper, weight`: atoms from 0, nm, nm^-2.

        Raises:
            UsageError: the file cannot be read, or a line is wrong; it is named.
        """
        rows = []
        for where, row in table_of(path, COLUMNS):
            try:
                lower, upper, weight = (float(row[name]) for name in COLUMNS[2:])
                rows.append((int(row["i"]), int(row["j"]), lower, upper, weight))
            except (TypeError, ValueError):
                raise UsageError(
                    f"{where}: give two numbers of atoms, two bounds and a weight"
                ) from None
        return cls.of(rows)

    def require_atoms(self, atoms: int) -> None:
        """Refuse atoms that are not there.

        Raises:
            UsageError: naming the first.
        """
        most = int(self.pairs.max())
        if most >= atoms:
            raise UsageError(f"restraints: atom {most}, where atoms are 0 to {atoms - 1}")

    def log_likelihood(self, x: Tensor) -> Tensor:
        """-1/2 sum w (beyond the bounds)^2 of positions `[n, atoms, dims]` nm: `[n]`."""
        pairs = self.pairs.to(x.device)
        lower, upper, weight = (v.to(x) for v in (self.lower, self.upper, self.weight))
        apart = x[:, pairs[:, 0]] - x[:, pairs[:, 1]]
        distance = apart.square().sum(-1).clamp_min(1e-24).sqrt()
        beyond = (distance - upper).clamp_min(0) + (lower - distance).clamp_min(0)
        return -0.5 * (weight * beyond.square()).sum(1)

    def reward(self, positions: Positions) -> Reward:
        """The restraints on positions that a clean batch has."""
        return lambda batch, t: self.log_likelihood(positions(batch))


def table_of(path: str | Path, columns: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """The lines of a .csv with these columns, each with where it is, for messages.

    Raises:
        UsageError: the file cannot be read, has other columns, or no lines.
    """
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle, skipinitialspace=True)
            if reader.fieldnames is None or set(reader.fieldnames) != set(columns):
                raise UsageError(f"{path}: the columns must be {', '.join(columns)}")
            lines = [(f"{path} line {reader.line_num}", row) for row in reader]
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not lines:
        raise UsageError(f"{path}: there is nothing below the names of its columns")
    return lines
