"""The fifteen places of a dipeptide's backbone that a model for all of them sees."""

from molgen.md.peptides.sequence import Peptide

RESIDUE_ATOMS = ("N", "CA", "CB", "C", "O")
SLOT_ATOMS: tuple[tuple[str, str], ...] = (
    ("ACE", "CH3"),
    ("ACE", "C"),
    ("ACE", "O"),
    *(("1", name) for name in RESIDUE_ATOMS),
    *(("2", name) for name in RESIDUE_ATOMS),
    ("NME", "N"),
    ("NME", "C"),
)
"""Of each slot: the cap or the number of the residue, and the name of the atom in PDB files."""

SLOTS = len(SLOT_ATOMS)
RESIDUES = 2
"""Residues that there are slots for."""


def slots_of(peptide: Peptide) -> tuple[int, ...]:
    """The slots that a peptide fills, ascending, in the order of the beads of `backbone`.

    A single residue is residue 1. Glycine has no CB; of a charged end's oxygens O is the bead.
    Residues beyond the second have no slots.
    """
    holders = {"ACE": peptide.acetyl, "NME": peptide.amide}
    letters = {str(number): letter for number, letter in enumerate(peptide.residues, start=1)}
    return tuple(
        slot
        for slot, (holder, name) in enumerate(SLOT_ATOMS)
        if holders.get(holder, holder in letters)
        and not (name == "CB" and letters.get(holder) == "G")
    )


def slot_labels(peptide: Peptide) -> tuple[str, ...]:
    """Labels `residue number:atom name` of `slots_of`; a cap counts as a residue."""
    numbers = {str(k): k + peptide.acetyl for k in range(1, len(peptide) + 1)}
    numbers |= {"ACE": 1, "NME": len(peptide.resnames)}
    filled = (SLOT_ATOMS[slot] for slot in slots_of(peptide))
    return tuple(f"{numbers[holder]}:{name}" for holder, name in filled)
