"""How the slots that a peptide fills are bonded, and which of their distances are nearly fixed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.slots import slots_of

_BONDS = ((0, 1), (1, 2), (3, 4), (4, 5), (4, 6), (6, 7), (8, 9), (9, 10), (9, 11), (11, 12))
_METHYL = (13, 14)
_CARBONS, _NITROGENS = (1, 6, 11), (3, 8, 13)
_HELD = {1: (0, 2), 6: (4, 7), 11: (9, 12)}
"""Of each carbonyl carbon the carbon and the oxygen that it holds."""

Pair = tuple[int, int]
Quadruple = tuple[int, int, int, int]


@dataclass(frozen=True)
class Backbone:
    """The slots that are filled, and how they are bonded.

    Attributes:
        slots: ascending.
        bonds: of slots, each pair ascending.
    """

    slots: tuple[int, ...]
    bonds: tuple[Pair, ...]

    @classmethod
    def of(cls, peptide: Peptide) -> Backbone:
        """That of a peptide of at most two residues."""
        slots = slots_of(peptide)
        bonds = [bond for bond in (*_BONDS, _METHYL) if set(slots).issuperset(bond)]
        carbons = [slot for slot in _CARBONS if slot in slots]
        nitrogens = [slot for slot in _NITROGENS if slot in slots]
        if not peptide.acetyl:
            nitrogens = nitrogens[1:]
        bonds += zip(carbons, nitrogens, strict=False)  # one of them may be a charged end
        return cls(slots, tuple(sorted(bonds)))

    @cached_property
    def around(self) -> dict[int, set[int]]:
        """The neighbours of each slot."""
        found: dict[int, set[int]] = {slot: set() for slot in self.slots}
        for a, b in self.bonds:
            found[a].add(b)
            found[b].add(a)
        return found

    @property
    def amides(self) -> tuple[Pair, ...]:
        """C and N of each peptide bond."""
        return tuple((a, b) for a, b in self.bonds if a in _CARBONS and b in _NITROGENS)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every pair of slots."""
        return tuple(combinations(self.slots, 2))

    @property
    def chains(self) -> tuple[Quadruple, ...]:
        """Four slots in a row: the dihedrals along bonds."""
        return tuple(
            sorted(
                (a, b, c, d)
                for b, c in self.bonds
                for a in self.around[b] - {c}
                for d in self.around[c] - {a, b}
            )
        )

    @property
    def stiff_pairs(self) -> tuple[Pair, ...]:
        """Pairs whose distance is nearly fixed: along bonds, angles, and across peptide bonds."""
        angles = {
            (a, b) for around in self.around.values() for a, b in combinations(sorted(around), 2)
        }
        across = {
            (a, d)
            for c, n in self.amides
            for a in self.around[c] - {n}
            for d in self.around[n] - {c}
        }
        return tuple(sorted({*self.bonds, *angles, *across}))

    @property
    def stiff_volumes(self) -> tuple[Quadruple, ...]:
        """Quadruples whose signed volume is nearly fixed.

        CA with N, C and CB (the hand of the residue), each amide carbon with its three neighbours
        (a plane), and the two ends of each peptide bond with its C and N (a plane).
        """
        hands = [(n + 1, n, n + 3, n + 2) for n in (3, 8) if n + 2 in self.slots]
        planes = [(c, *_HELD[c], n) for c, n in self.amides]
        trans = [(_HELD[c][0], c, n, d) for c, n in self.amides for d in self.around[n] - {c}]
        return (*hands, *planes, *trans)

    @property
    def volumes(self) -> tuple[Quadruple, ...]:
        """All quadruples whose signed volumes matter: the stiff ones, and those of the chains."""
        seen = {frozenset(quadruple) for quadruple in self.stiff_volumes}
        return (
            *self.stiff_volumes,
            *(chain for chain in self.chains if frozenset(chain) not in seen),
        )


BACKBONES = tuple(
    Backbone.of(peptide)
    for peptide in (
        Peptide("AA", True, True),
        Peptide("A", True, True),
        Peptide("AA"),
        Peptide("AA", True, False),
        Peptide("AA", False, True),
    )
)
"""Every kind that there is, glycine aside, which lacks a slot."""
