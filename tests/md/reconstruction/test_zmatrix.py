"""Trees of internal coordinates: every atom of every residue, once, after those it is placed by."""

import pytest

from molgen.chem.peptides import extended_peptide
from molgen.errors import UsageError
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.slots import slot_labels
from molgen.md.reconstruction.zmatrix import zmatrix
from molgen.md.system.beads import Bead, BeadMapping

PEPTIDES = ("AR", "ND", "CQ", "EG", "HI", "LK", "MF", "PS", "TW", "YV", "Ac-P-NHMe")


def table(name):
    """Atoms and bonds of a peptide, and the atoms of its backbone beads."""
    peptide = Peptide.parse(name)
    made = extended_peptide(peptide.residues, peptide.acetyl, peptide.amide)
    beads = tuple(
        Bead(atom, residue, number + 1, element, 1.0, k)
        for k, (number, residue, atom, element) in enumerate(made.labels)
    )
    atoms = BeadMapping("all", beads, made.bonds)
    return atoms, [atoms.index(label) for label in slot_labels(peptide)]


@pytest.mark.parametrize("name", PEPTIDES)
def test_every_atom_is_placed_once_after_three_others(name):
    atoms, beads = table(name)
    placed = list(beads)
    for row in zmatrix(atoms, beads):
        _, *others = row.quadruple
        assert set(others) <= set(placed)
        assert len(set(row.quadruple)) == 4
        assert tuple(sorted((row.atom, row.centre))) in atoms.bonds
        assert tuple(sorted((row.centre, row.arm))) in atoms.bonds
        placed.append(row.atom)
    assert sorted(placed) == list(range(len(atoms)))


def test_hydrogens_of_a_methyl_turn_as_one():
    """One rotor a methyl, whose other hydrogens are its siblings."""
    atoms, beads = table("AA")
    rows = [row for row in zmatrix(atoms, beads) if atoms.beads[row.atom].label.startswith("1:HB")]
    assert [row.rotor for row in rows] == [True, False, False]
    assert {row.plane for row in rows[1:]} == {rows[0].atom}


def test_rings_are_closed_by_their_last_atom():
    """The dihedral of phenylalanine's CZ is to the other neighbour; proline's CG sees CD."""
    atoms, beads = table("PF")
    rows = {atoms.beads[row.atom].label: row for row in zmatrix(atoms, beads)}
    label = [bead.label for bead in atoms.beads]
    assert label[rows["2:CZ"].plane] == "2:CE2"
    assert label[rows["1:CG"].plane] == "1:CD"
    assert rows["2:CZ"].ring
    assert not rows["2:CG"].ring


def test_what_beads_do_not_reach_is_refused():
    atoms, beads = table("AG")
    with pytest.raises(UsageError, match="2 beads do not say"):
        zmatrix(atoms, beads[:2])
    apart = BeadMapping("all", (*atoms.beads, Bead("NA", "NA", 9, "Na", 23.0, 99)), atoms.bonds)
    with pytest.raises(UsageError, match=r"9:NA \(NA\) is not bonded to any bead"):
        zmatrix(apart, beads)


def test_beads_far_apart_will_do():
    """Of the CA alone, angles are to the nearest atoms that there are."""
    atoms, _ = table("AAAA")
    beads = [atoms.index(f"{k}:CA") for k in range(1, 5)]
    rows = zmatrix(atoms, beads)
    assert len(rows) == len(atoms) - 4
