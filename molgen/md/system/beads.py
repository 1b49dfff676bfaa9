"""Beads: the atoms of a molecule that a model sees, and the bonds among them."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from molgen.errors import UsageError


@dataclass(frozen=True)
class Bead:
    """One atom that is kept: its names, element, mass and place in the full molecule."""

    name: str
    residue: str
    residue_index: int  # 1 is the first residue
    element: str
    mass_amu: float
    atom: int  # index in the full topology, from 0

    @property
    def label(self) -> str:
        """`residue number:atom name`, as system.toml writes it, such as `2:CA`."""
        return f"{self.residue_index}:{self.name}"


@dataclass(frozen=True)
class BeadMapping:
    """Which atoms of a molecule are kept, in order, and which of them are bonded."""

    name: str
    beads: tuple[Bead, ...]
    bonds: tuple[tuple[int, int], ...]  # bead indices, each pair sorted

    def __len__(self) -> int:
        return len(self.beads)

    @property
    def atoms(self) -> list[int]:
        """Indices of the beads in the full topology."""
        return [bead.atom for bead in self.beads]

    @property
    def masses(self) -> Tensor:
        """Masses, [beads] float64, amu."""
        return torch.tensor([bead.mass_amu for bead in self.beads], dtype=torch.float64)

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """The beads that each is bonded to, ascending."""
        around: list[list[int]] = [[] for _ in self.beads]
        for i, j in self.bonds:
            around[i].append(j)
            around[j].append(i)
        return tuple(tuple(sorted(found)) for found in around)

    def select(self, x_all: Tensor) -> Tensor:
        """Bead coordinates [n, beads, dims] of full coordinates [n, atoms, dims]."""
        return x_all[..., self.atoms, :]

    def index(self, label: str) -> int:
        """Position among the beads of the one labelled `residue number:atom name`.

        Raises:
            UsageError: there is no such bead.
        """
        for position, bead in enumerate(self.beads):
            if bead.label == label:
                return position
        raise UsageError(
            f"bead selection '{self.name}' has no atom '{label}' "
            f"(it has {', '.join(bead.label for bead in self.beads)})"
        )

    def choose(self, name: str, chosen: list[int]) -> "BeadMapping":
        """A selection of these beads, in the order given.

        Two chosen beads are bonded if a path of bonds joins them that meets dropped beads only:
        heavy atoms keep their bonds, a chain of CA atoms is bonded along the backbone.
        """
        kept = {bead: position for position, bead in enumerate(chosen)}
        bonds: set[tuple[int, int]] = set()
        for start in chosen:
            seen, frontier = {start}, [start]
            while frontier:
                for bead in self.neighbours[frontier.pop()]:
                    if bead in seen:
                        continue
                    seen.add(bead)
                    if bead in kept:
                        i, j = sorted((kept[start], kept[bead]))
                        bonds.add((i, j))
                    else:
                        frontier.append(bead)
        return BeadMapping(name, tuple(self.beads[i] for i in chosen), tuple(sorted(bonds)))

    def heavy(self) -> "BeadMapping":
        """Every bead that is not hydrogen."""
        return self.choose("heavy", [i for i, b in enumerate(self.beads) if b.element != "H"])

    def to_dict(self) -> dict[str, Any]:
        """JSON form, read back by `from_dict`."""
        return {
            "name": self.name,
            "beads": [asdict(bead) for bead in self.beads],
            "bonds": [list(bond) for bond in self.bonds],
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "BeadMapping":
        """The mapping that `to_dict` wrote.

        Raises:
            UsageError: an entry is missing or unknown.
        """
        try:
            beads = tuple(Bead(**bead) for bead in content["beads"])
            bonds = tuple((int(i), int(j)) for i, j in content["bonds"])
            return cls(str(content["name"]), beads, bonds)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"bead mapping cannot be read: {error}") from error
