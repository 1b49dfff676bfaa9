"""Scaffolds in ligands: which of their atoms, in how many ways, and what holds nothing."""

import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.conformers import conformers
from molgen.chem.holding import Part, held_by, held_in_place, in_line, part_of
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.substructure import Pattern
from molgen.errors import UsageError
from tests.docking.complexes import complexes

CRYSTAL = complexes()["1s3v"][1]


def part(smiles: str) -> Part:
    molecule = read_ligand(smiles).molecule
    return Part(smiles, molecule, conformers(molecule, 1, 0)[0], drawn=True)


@pytest.mark.parametrize(
    ("scaffold", "ligand", "ways"),
    [
        ("c1ccccc1", "Cc1ccccc1", [6]),  # 12 maps, of which toluene's own flip makes pairs
        ("c1ccccc1", "Cc1ccc(C)cc1", [3]),
        ("c1ccccc1", "Cc1ccc(O)cc1", [6]),
        ("c1ccccc1", "c1ccccc1Cc1ccccc1", [6]),  # either ring is the other
        ("c1ccccc1", "c1ccccc1CCOc1ccccc1", [6, 6]),
        ("OC(=O)c1ccccc1", "NC(=O)c1ccc(cc1)C(O)=O", [1]),
        ("CCO", "C[C@H](O)CN", [1, 1]),
    ],
)
def test_every_way_is_found_once(scaffold, ligand, ways):
    found = held_by(part(scaffold), read_ligand(ligand))
    assert [len(held.places) for held in found] == ways


def test_atoms_of_a_way_are_those_of_the_scaffold():
    scaffold, ligand = part("Oc1ccncc1"), read_ligand("CCc1nccc(O)c1")
    elements = [atom.GetSymbol() for atom in scaffold.query.GetAtoms()]
    (held,) = held_by(scaffold, ligand)
    assert held.atoms.tolist() == sorted(held.atoms)
    assert len(held.places) == 2  # the ring's two sides
    for place in held.places:
        distance = np.linalg.norm(place[:, None] - scaffold.positions, axis=-1)
        assert distance.min(1).max() < 1e-12
        for atom, row in zip(held.atoms.tolist(), distance.argmin(1), strict=True):
            assert ligand.molecule.GetAtomWithIdx(atom).GetSymbol() == elements[row]


def test_bond_orders_may_be_drawn_otherwise_but_a_pattern_is_meant_as_it_is():
    scaffold = part("C1CCCCC1")
    assert held_by(scaffold, read_ligand("Cc1ccccc1"))
    pattern = Part("ring", Pattern.of("[CX4]1CCCCC1").query, scaffold.positions, drawn=False)
    with pytest.raises(UsageError, match="is not part of it"):
        held_by(pattern, read_ligand("Cc1ccccc1"))


def test_a_pattern_takes_a_part_of_a_file():
    crystal = read_ligand(CRYSTAL)
    pattern = Pattern.of("COc1cc(N)cc(OC)c1OC")
    found = part_of(CRYSTAL, pattern)
    for atom, position in zip(pattern.query.GetAtoms(), found.positions, strict=True):
        row = np.linalg.norm(crystal.pose - position, axis=1).argmin()
        assert (crystal.pose[row] == position).all()
        assert crystal.molecule.GetAtomWithIdx(int(row)).GetSymbol() == atom.GetSymbol()


def test_without_a_scaffold_atoms_are_held_where_the_ligand_has_them():
    crystal = read_ligand(CRYSTAL)
    (held,) = held_in_place(Pattern.of("c"), crystal)
    assert len(held.atoms) == 6
    np.testing.assert_array_equal(held.places, crystal.pose[held.atoms][None])


def test_atoms_in_a_line_hold_nothing():
    line = np.array([[0.0, 0, 0], [0.1, 0.1, 0], [0.3, 0.3, 0]])
    assert in_line(line)
    assert in_line(line[:2])
    assert not in_line(line + np.diag([0, 0.1, 0]))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: held_by(part("CCN"), read_ligand("CCO")), "is not part of it"),
        (lambda: held_by(part("CCC"), read_ligand("C" * 40)), "fits in 38 ways; hold more"),
        (lambda: held_by(part("CC"), read_ligand("CCO")), "in a line hold nothing"),
        (lambda: held_by(part("CC#CC"), read_ligand("CC#CCO")), "in a line hold nothing"),
        (lambda: part_of(CRYSTAL, Pattern.of("c")), "fits in 6 places of it"),
        (lambda: part_of(CRYSTAL, Pattern.of("[Br]")), "is no part of it"),
        (lambda: held_in_place(Pattern.of("C"), read_ligand("CCO")), "has no 3-D coordinates"),
        (lambda: held_in_place(Pattern.of("[Br]"), read_ligand(CRYSTAL)), "is no part of it"),
    ],
)
def test_what_cannot_be_held_is_said(act, message):
    with pytest.raises(UsageError, match=message):
        act()


def test_a_scaffold_needs_a_pose(tmp_path):
    drawing = tmp_path / "drawing.smi"
    drawing.write_text("CCO\n")
    with pytest.raises(UsageError, match=r"drawing.smi: has no 3-D coordinates"):
        part_of(drawing)


def test_ways_of_a_whole_ligand_are_its_poses():
    crystal = read_ligand(CRYSTAL)
    whole = Part("x", crystal.molecule, crystal.pose, drawn=True)
    order = list(np.random.default_rng(0).permutation(len(crystal.pose)))
    shuffled = Chem.RenumberAtoms(crystal.molecule, [int(k) for k in order])
    (held,) = held_by(whole, Ligand("y", shuffled, None))
    assert any(np.allclose(place, crystal.pose[order]) for place in held.places)
