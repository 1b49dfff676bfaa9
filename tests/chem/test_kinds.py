import pytest

from molgen.chem.receptor import Kind, read_receptor
from tests.chem.structures import alanine, pdb_line, write_pdb


def kind_of(folder, *parts: str) -> tuple[Kind, tuple[str, ...]]:
    """Kind of the last residue, and the repairs."""
    receptor = read_receptor(write_pdb(folder, *parts), waters=True)
    return Kind(receptor.kinds[-1]), receptor.repairs


def joined(number: int, residue: str, **options) -> str:
    """Alanine's atoms under another name, its nitrogen 1.33 Å from C of the residue before."""
    rows = [("N", 2.9, 2.3), ("CA", 4.3, 2.3), ("C", 5.0, 3.6), ("O", 4.4, 4.7), ("CB", 5, 1)]
    return "".join(
        pdb_line(name, residue, number, (10.0 * (number - 1) + x, y, 0.0), **options)
        for name, x, y in rows
    )


@pytest.mark.parametrize(
    ("name", "residue", "element", "kind"),
    [
        ("ZN", "ZN", "ZN", Kind.METAL),
        ("FE", "FE2", "FE", Kind.METAL),
        ("NA", "NA", "NA", Kind.METAL),
        ("CL", "CL", "CL", Kind.COFACTOR),
        ("O", "HOH", "O", Kind.WATER),
        ("O", "WAT", "O", Kind.WATER),
        ("OH2", "TIP", "O", Kind.WATER),
        ("O", "DOD", "O", Kind.WATER),
        ("C1", "LIG", "C", Kind.COFACTOR),
    ],
)
def test_single_atoms(name, residue, element, kind, tmp_path):
    atom = pdb_line(name, residue, 9, element=element, het=True)
    assert kind_of(tmp_path, alanine(5), atom) == (kind, ())


def test_a_modified_residue_in_the_chain_is_protein_and_said(tmp_path):
    for name in ("SEP", "XYZ"):  # known to the PDB, and not
        kind, repairs = kind_of(tmp_path, alanine(5), joined(6, name, het=True))
        assert kind == Kind.PROTEIN
        assert repairs == (f"A:6 {name}: a modified residue, kept as it is",)


def test_a_ligand_with_names_of_a_backbone_is_none(tmp_path):
    assert kind_of(tmp_path, alanine(5), alanine(7, "XYZ", het=True))[0] == Kind.COFACTOR


def test_a_free_amino_acid_is_a_cofactor_and_a_chain_end_is_not(tmp_path):
    free = alanine(9, het=True) + pdb_line("OXT", "ALA", 9, (93.0, 2.0, 0.0), het=True)
    assert kind_of(tmp_path, alanine(5), free)[0] == Kind.COFACTOR
    last = joined(6, "MSE", het=True) + pdb_line("OXT", "MSE", 6, (56.0, 4.0, 1.0), het=True)
    assert kind_of(tmp_path, alanine(5), last)[0] == Kind.PROTEIN


def test_caps_of_a_chain_are_protein(tmp_path):
    cap = pdb_line("N", "NH2", 6, (52.9, 2.3, 0.0), het=True)
    assert kind_of(tmp_path, alanine(5), cap) == (Kind.PROTEIN, ())


def test_nucleotides_in_a_chain_are_nucleic_and_alone_they_are_cofactors(tmp_path):
    atoms = ("P", "O5'", "C1'", "O3'", "N9")
    for het, kind in ((False, Kind.NUCLEIC), (True, Kind.COFACTOR)):
        base = "".join(pdb_line(a, "DA", 9, (3.0 * k, 0, 0), het=het) for k, a in enumerate(atoms))
        assert kind_of(tmp_path, alanine(5), base)[0] == kind
