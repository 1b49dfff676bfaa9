"""What the nodes and edges of a molecular graph may be: atoms with their charge, bonds by order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from molgen.errors import UsageError

BONDS = ("none", "single", "double", "triple")
AROMATIC_BONDS = (*BONDS, "aromatic")

_MOST = 127  # atom types: an index is an int8
_ATOM = re.compile(r"([A-Z][a-z]?)(?:([+-])(\d*))?")


@dataclass(frozen=True, order=True)
class AtomType:
    """An element with a formal charge, in elementary charges; written `N`, `N+`, `O-`, `Fe+2`."""

    element: str
    charge: int = 0

    def __str__(self) -> str:
        if self.charge == 0:
            return self.element
        size = abs(self.charge)
        return f"{self.element}{'+' if self.charge > 0 else '-'}{size if size > 1 else ''}"

    @classmethod
    def parse(cls, text: str) -> "AtomType":
        """The atom type that `text` spells, as `str` writes it.

        Raises:
            UsageError: it spells none.
        """
        found = _ATOM.fullmatch(text)
        if found is None:
            raise UsageError(f"'{text}' is no atom type; write C, N+ or Fe+2")
        element, sign, size = found.groups()
        charge = int(size or 1) if sign else 0
        return cls(element, -charge if sign == "-" else charge)


@dataclass(frozen=True)
class Vocabulary:
    """The atom types and bond types of a set of molecules; a graph stores indices into both.

    Attributes:
        atoms: Atom types, each once.
        bonds: `none`, `single`, `double`, `triple`, and `aromatic` if such bonds are explicit.
            Without `aromatic`, molecules are kekulised.
    """

    atoms: tuple[AtomType, ...]
    bonds: tuple[str, ...] = BONDS

    def __post_init__(self) -> None:
        if not 1 <= len(self.atoms) <= _MOST:
            raise UsageError(f"a vocabulary has 1 to {_MOST} atom types, not {len(self.atoms)}")
        if len(set(self.atoms)) < len(self.atoms):
            raise UsageError(f"vocabulary: an atom type occurs twice in {self.describe()}")
        if self.bonds not in (BONDS, AROMATIC_BONDS):
            raise UsageError(
                f"vocabulary: bonds are {', '.join(BONDS)} and perhaps aromatic, in this order; "
                f"not {', '.join(map(str, self.bonds))}"
            )

    @classmethod
    def of(cls, atoms: Iterable[str], *, aromatic: bool = False) -> "Vocabulary":
        """The vocabulary of these atom types, spelt as in `C`, `N+`."""
        types = tuple(AtomType.parse(text) for text in atoms)
        return cls(types, AROMATIC_BONDS if aromatic else BONDS)

    @property
    def has_aromatic(self) -> bool:
        """Whether aromatic bonds are a type of their own."""
        return "aromatic" in self.bonds

    @property
    def has_charges(self) -> bool:
        """Whether any atom type is charged."""
        return any(atom.charge for atom in self.atoms)

    @cached_property
    def _index(self) -> dict[tuple[str, int], int]:
        return {(atom.element, atom.charge): k for k, atom in enumerate(self.atoms)}

    def atom_index(self, element: str, charge: int = 0) -> int:
        """Where an atom type stands in `atoms`.

        Raises:
            UsageError: it is not in this vocabulary.
        """
        try:
            return self._index[element, charge]
        except KeyError:
            raise UsageError(
                f"atom {AtomType(element, charge)} is not in the vocabulary ({self.describe()})"
            ) from None

    def describe(self) -> str:
        """The atom types in a row, such as `C, N, N+`."""
        return ", ".join(map(str, self.atoms))

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"atoms": [str(atom) for atom in self.atoms], "bonds": list(self.bonds)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Vocabulary":
        """The vocabulary that `to_dict` wrote.

        Raises:
            UsageError: an entry is missing or means nothing.
        """
        try:
            atoms = tuple(AtomType.parse(text) for text in content["atoms"])
            return cls(atoms, tuple(content["bonds"]))
        except (KeyError, TypeError) as error:
            raise UsageError(f"not a vocabulary: {error}") from error
