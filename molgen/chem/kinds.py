"""What each residue of a structure is: protein, nucleic acid, cofactor, metal or water."""

from collections.abc import Sequence
from enum import IntEnum

import gemmi

from molgen.chem.residues import AMINO_ACIDS, CAPS, WATERS, usual_name

_LINK_A = 2.0  # atoms of neighbours in a chain nearer than this are bonded


class Kind(IntEnum):
    """What an atom belongs to."""

    PROTEIN = 0
    NUCLEIC = 1
    COFACTOR = 2
    METAL = 3
    WATER = 4


def kind_of(residue: gemmi.Residue, atoms: Sequence[gemmi.Atom], *, linked: bool) -> Kind:
    """The kind of a residue.

    A modified amino acid in a chain is protein. An amino acid or nucleotide that stands alone is a
    cofactor; so is what is none of the others, ions that are no metals among it.

    Args:
        residue: With its name and record type.
        atoms: Its heavy atoms.
        linked: Whether a bond of the chain joins it to a neighbour.
    """
    names = {atom.name for atom in atoms}
    known = gemmi.find_tabulated_residue(residue.name)
    in_chain = linked or residue.het_flag == "A"
    if residue.name in WATERS:
        return Kind.WATER
    if usual_name(residue.name, names) in AMINO_ACIDS or known.is_amino_acid():
        # a free one, such as a bound glutamate, has both oxygens and no neighbour
        return Kind.PROTEIN if in_chain or "OXT" not in names else Kind.COFACTOR
    if len(atoms) == 1 and atoms[0].element.is_metal:
        return Kind.METAL
    if residue.name in CAPS or (linked and names >= {"N", "CA", "C"}):
        return Kind.PROTEIN
    if (known.is_nucleic_acid() and in_chain) or (linked and names >= {"C1'", "O3'"}):
        return Kind.NUCLEIC
    return Kind.COFACTOR


def linked(
    before: gemmi.Residue | None, residue: gemmi.Residue, after: gemmi.Residue | None
) -> bool:
    """Whether a peptide or phosphodiester bond joins a residue to a neighbour in the chain."""
    return any(
        _bonded(first, second, *ends)
        for first, second in ((before, residue), (residue, after))
        for ends in (("C", "N"), ("O3'", "P"))
    )


def _bonded(
    first: gemmi.Residue | None, second: gemmi.Residue | None, end: str, start: str
) -> bool:
    if first is None or second is None:
        return False
    one, other = first.find_atom(end, "*"), second.find_atom(start, "*")
    return bool(one and other) and one.pos.dist(other.pos) < _LINK_A
