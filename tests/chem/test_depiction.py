import re

import pytest
from rdkit import Chem

from molgen.chem.depiction import impossible_svg, molecule_svg
from molgen.chem.spelled import atom_types, check_smiles, spelled
from molgen.errors import UsageError


def atoms_drawn(svg):
    return {int(number) for number in re.findall(r"atom-(\d+)", svg)}


def test_every_atom_and_bond_is_drawn():
    svg = molecule_svg("CC(=O)OC1CC1")
    assert svg.startswith("<svg")
    assert atoms_drawn(svg) == set(range(7))
    assert {int(k) for k in re.findall(r"bond-(\d+)", svg)} == set(range(7))


def test_what_is_no_molecule_is_not_drawn_as_one():
    with pytest.raises(UsageError, match="is no molecule"):
        molecule_svg("C=O=C")


def test_atoms_that_chemistry_forbids_are_marked():
    assert "ellipse" in impossible_svg("CC(C)(C)(C)C")
    assert "ellipse" not in impossible_svg("C.CO")  # disconnected, but every atom is possible
    assert impossible_svg("C1CC") == ""


def test_what_was_drawn_is_spelled_as_it_is():
    drawn = Chem.MolFromSmiles("CC(C)(C)(C)C=O=N", sanitize=False)
    again = Chem.MolFromSmiles(spelled(drawn), sanitize=False)
    bonds = [sorted(str(bond.GetBondType()) for bond in mol.GetBonds()) for mol in (drawn, again)]
    assert bonds[0] == bonds[1]
    assert again.GetNumAtoms() == drawn.GetNumAtoms()


def test_a_text_is_judged_as_the_graph_that_it_spells():
    assert check_smiles("[O-][N+](=O)c1ccccc1").valid_and_connected
    assert check_smiles("").reason == "empty line"
    assert check_smiles("C.C").reason == "disconnected: 2 parts"
    flat = check_smiles("F/C=C/[C@H](O)[2H]").sanitised
    assert Chem.MolToSmiles(flat) == Chem.CanonSmiles("FC=CCO")


def test_atom_types_have_their_charge():
    assert set(map(str, atom_types(Chem.MolFromSmiles("C[NH3+]")))) == {"C", "N+"}
