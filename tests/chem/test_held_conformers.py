"""Conformers about atoms that are held: in place, of usual shape, of the right stereo."""

import numpy as np
import pytest

from molgen.chem.held_conformers import held_conformers
from molgen.chem.holding import Held, Part, held_by
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.substructure import Pattern
from molgen.errors import MolgenError
from tests.docking.complexes import complexes


def crystal(name: str) -> Ligand:
    return read_ligand(complexes()[name][1])


def held(ligand: Ligand, smarts: str) -> Held:
    atoms = np.array(sorted(ligand.molecule.GetSubstructMatch(Pattern.of(smarts).query)))
    return Held(atoms, ligand.pose[atoms][None])


def test_held_atoms_are_just_where_they_are_held_and_bonds_as_long_as_ever():
    ligand = crystal("1s3v")
    kept = held(ligand, "COc1cc(N)cc(OC)c1OC")
    shapes = held_conformers(ligand.molecule, kept, 4, 0)
    assert (shapes[:, kept.atoms] == kept.places).all()
    ends = np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in ligand.molecule.GetBonds()])
    lengths = np.linalg.norm(shapes[:, ends[:, 0]] - shapes[:, ends[:, 1]], axis=-1)
    known = np.linalg.norm(ligand.pose[ends[:, 0]] - ligand.pose[ends[:, 1]], axis=-1)
    assert np.abs(lengths - known).max() < 0.012  # of MMFF and a crystal
    others = np.setdiff1d(np.arange(len(ligand.pose)), kept.atoms)
    assert np.ptp(shapes[:, others], axis=0).max() > 0.1


def test_they_are_the_same_for_the_same_seed():
    ligand = crystal("1of6")
    kept = held(ligand, "c1ccccc1")
    one, same, other = (held_conformers(ligand.molecule, kept, 2, seed) for seed in (3, 3, 4))
    assert (one == same).all()
    assert (one != other).any()


def test_ways_take_turns():
    ligand = read_ligand("Cc1ccc(O)cc1")
    ring = crystal("1of6")
    part = Part("ring", *_ring(ring), drawn=True)
    (kept,) = held_by(part, ligand)
    shapes = held_conformers(ligand.molecule, kept, 8, 0)
    assert len(shapes) == 8
    for k, shape in enumerate(shapes):
        assert (shape[kept.atoms] == kept.places[k % 6]).all()
    assert len(held_conformers(ligand.molecule, kept, 2, 0)) == 6  # one of each at least


def _ring(ligand: Ligand):
    query = read_ligand("c1ccccc1").molecule
    return query, ligand.pose[list(ligand.molecule.GetSubstructMatch(query))]


def test_the_mirror_image_is_no_conformer():
    ligand = crystal("1of6")
    kept = held(ligand, "NC(C)C(=O)O")
    held_conformers(ligand.molecule, kept, 1, 0)
    mirrored = Held(kept.atoms, kept.places * [1, 1, -1])
    with pytest.raises(MolgenError, match="no conformer of it has the held atoms where they are"):
        held_conformers(ligand.molecule, mirrored, 1, 0)


def test_a_way_that_cannot_be_is_left_out():
    ligand = crystal("1of6")
    kept = held(ligand, "NC(C)C(=O)O")
    both = Held(kept.atoms, np.concatenate([kept.places * [1, 1, -1], kept.places]))
    shapes = held_conformers(ligand.molecule, both, 4, 0)
    assert len(shapes) == 2
    assert (shapes[:, kept.atoms] == kept.places).all()
