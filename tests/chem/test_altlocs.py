from molgen.chem.receptor import read_receptor
from tests.chem.structures import alanine, pdb_line, write_pdb


def serine(*lines: str) -> str:
    backbone = {"N": (0.0, 0.0, 0.0), "CA": (1.46, 0.0, 0.0), "C": (2.0, 1.4, 0.0), "O": (3, 2, 0)}
    return "".join([*(pdb_line(name, "SER", 5, xyz) for name, xyz in backbone.items()), *lines])


def located(name: str, label: str, occupancy: float, x: float) -> str:
    return pdb_line(name, "SER", 5, (x, 0.0, 5.0), altloc=label, occupancy=occupancy)


def positions(receptor) -> dict[str, float]:
    return {
        name: round(10 * xyz[0], 3)
        for name, xyz in zip(receptor.atom_names, receptor.coordinates, strict=True)
    }


def test_one_label_is_taken_for_the_whole_residue(tmp_path):
    # OG alone would take A (0.5 against 0.45), but all of B is occupied more
    lines = [
        located("CB", "A", 0.3, 1.0),
        located("CB", "B", 0.7, 2.0),
        located("OG", "A", 0.5, 3.0),
        located("OG", "B", 0.45, 4.0),
    ]
    receptor = read_receptor(write_pdb(tmp_path, serine(*lines)))
    assert positions(receptor) == {"N": 0, "CA": 1.46, "C": 2, "O": 3, "CB": 2.0, "OG": 4.0}
    assert receptor.repairs == ("A:5 SER: alternate location B is taken",)


def test_of_equal_labels_the_first_is_taken_whatever_their_order(tmp_path):
    lines = [located("CB", label, 0.5, x) for label, x in (("B", 2.0), ("A", 1.0))]
    og = [located("OG", label, 0.5, x) for label, x in (("B", 4.0), ("A", 3.0))]
    receptor = read_receptor(write_pdb(tmp_path, serine(*lines, *og)))
    assert positions(receptor)["CB"] == 1.0
    assert positions(receptor)["OG"] == 3.0


def test_an_atom_without_the_label_keeps_its_best_location(tmp_path):
    lines = [
        located("CB", "A", 0.9, 1.0),
        located("CB", "B", 0.1, 2.0),
        located("OG", "B", 0.1, 4.0),
        located("OG", "C", 0.05, 5.0),
    ]
    receptor = read_receptor(write_pdb(tmp_path, serine(*lines)))
    assert positions(receptor)["CB"] == 1.0
    assert positions(receptor)["OG"] == 4.0


def test_of_residues_that_share_a_place_the_one_occupied_more_is_taken(tmp_path):
    # as in 8qjz: cysteine and its oxidised form, here with and without labels
    for labels in ("AB", "  "):
        other = alanine(7, "CYS", altloc=labels[0], occupancy=0.4)
        oxidised = alanine(7, "OCS", altloc=labels[1], occupancy=0.6)
        receptor = read_receptor(write_pdb(tmp_path, other, oxidised))
        assert receptor.residue_ids == ("A:7",)
        assert set(receptor.residue_names) == {"OCS"}
        assert receptor.repairs[0] == "A:7: CYS, OCS share the place; OCS is taken"


def test_ligands_with_the_same_number_by_mistake_are_both_kept(tmp_path):
    one = pdb_line("ZN", "ZN", 1, (0.0, 0.0, 0.0), element="ZN", het=True)
    two = pdb_line("MG", "MG", 1, (9.0, 0.0, 0.0), element="MG", het=True)
    receptor = read_receptor(write_pdb(tmp_path, alanine(7), one, two))
    assert receptor.residue_ids == ("A:7", "A:1", "A:1#2")
    assert receptor.repairs == ("A:1#2 MG: bears the number of an earlier residue",)


def test_atoms_of_a_cofactor_that_share_a_name_are_all_kept(tmp_path):
    atoms = [pdb_line("C", "LIG", 1, (1.4 * k, 0.0, 0.0), het=True) for k in range(4)]
    receptor = read_receptor(write_pdb(tmp_path, alanine(7), *atoms))
    assert receptor.atom_names[5:] == ("C",) * 4
