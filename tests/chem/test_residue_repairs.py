import pytest

from molgen.chem.receptor import Kind, read_receptor
from molgen.chem.residues import AMINO_ACIDS, RENAMED
from tests.chem.structures import alanine, pdb_line, write_pdb


def whole(name: str, residue: str, without: tuple[str, ...] = (), **options) -> str:
    """All atoms of an amino acid under another name of the residue, 3 Å apart."""
    return "".join(
        pdb_line(atom, residue, 5, (3.0 * k, 0.0, 0.0), **options)
        for k, atom in enumerate(AMINO_ACIDS[name])
        if atom not in without
    )


@pytest.mark.parametrize("other", sorted(name for name in RENAMED if len(name) == 3))
def test_other_names_are_read_as_the_usual_ones(other, tmp_path):
    usual = RENAMED[other]
    text = (
        whole(usual, other, het=True).replace(" SD ", "SE  ").replace("          S", "         SE")
    )
    receptor = read_receptor(write_pdb(tmp_path, text if other == "MSE" else whole(usual, other)))
    assert set(receptor.residue_names) == {usual}
    assert receptor.atom_names == AMINO_ACIDS[usual]
    assert set(receptor.kinds.tolist()) == {Kind.PROTEIN}
    assert receptor.repairs[0] == f"A:5 {other}: read as {usual}"
    assert 34 not in receptor.elements


def test_a_name_with_two_meanings_goes_by_its_atoms(tmp_path):
    # HSE is histidine in CHARMM's files and homoserine in the PDB
    homoserine = alanine(5, "HSE", het=True) + pdb_line("OD", "HSE", 5, (4, 4, 4), het=True)
    receptor = read_receptor(write_pdb(tmp_path, homoserine))
    assert set(receptor.residue_names) == {"HSE"}


def test_missing_atoms_are_listed(tmp_path):
    text = whole("LYS", "LYS", without=("CE", "NZ")) + alanine(9)
    receptor = read_receptor(write_pdb(tmp_path, text))
    assert receptor.repairs == ("A:5 LYS: atoms missing in the file: CE, NZ",)


def test_names_of_atoms_of_other_programs_are_read(tmp_path):
    text = whole("ILE", "ILE").replace(" CD1", " CD ").replace(" O  ", " OT1")
    end = pdb_line("OT2", "ILE", 5, (0.0, 9.0, 0.0))
    receptor = read_receptor(write_pdb(tmp_path, text, end))
    assert set(receptor.atom_names) == {*AMINO_ACIDS["ILE"], "OXT"}
    assert receptor.repairs == (
        "A:5 ILE: atom OT1 read as O",
        "A:5 ILE: atom CD read as CD1",
        "A:5 ILE: atom OT2 read as OXT",
    )


def test_an_alpha_carbon_in_the_column_of_calcium_is_carbon(tmp_path):
    text = alanine(5).replace("  CA  ALA", " CA   ALA")
    lines = [line[:76] for line in text.splitlines()]  # and no column of elements
    receptor = read_receptor(write_pdb(tmp_path, "\n".join(lines) + "\n"))
    assert receptor.elements.tolist() == [7, 6, 6, 8, 6]
    assert receptor.repairs == ("A:5 ALA: atom CA is C, not Ca",)


def test_a_hydrogen_in_the_column_of_mercury_goes(tmp_path):
    text = whole("SER", "SER") + "ATOM      1 HG   SER A   5       0.000   9.000   0.000\n"
    receptor = read_receptor(write_pdb(tmp_path, text))
    assert receptor.atom_names == AMINO_ACIDS["SER"]


def test_an_atom_given_twice_is_taken_once(tmp_path):
    receptor = read_receptor(write_pdb(tmp_path, alanine(5), pdb_line("CB", "ALA", 5, (1, 1, 1))))
    assert receptor.atom_names == AMINO_ACIDS["ALA"]
    assert receptor.repairs == ("A:5 ALA: atom CB is given twice; the first is taken",)


def test_an_unknown_element_is_left_out_and_named(tmp_path):
    dummy = pdb_line("X1", "LIG", 9, (1, 1, 1), het=True, element="X")
    carbon = pdb_line("C1", "LIG", 9, (3, 1, 1), het=True)
    receptor = read_receptor(write_pdb(tmp_path, alanine(5), dummy, carbon))
    assert receptor.atom_names[5:] == ("C1",)
    assert receptor.repairs == ("A:9 LIG: of unknown element and left out: X1",)
