"""One protein in two frames, and two proteins."""

from dataclasses import replace

import numpy as np
import pytest

from molgen.chem.ligand import read_ligand
from molgen.chem.pocket import Pocket, centre_of_ligand, cut_pocket
from molgen.chem.receptor import read_receptor
from molgen.chem.same_site import laid_upon
from tests.docking.complexes import complexes

TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
TURN *= np.linalg.det(TURN)
SHIFT = np.array([1.0, -2.0, 3.0])


def pocket(name: str) -> Pocket:
    protein, ligand = complexes()[name]
    return cut_pocket(read_receptor(protein), centre_of_ligand(read_ligand(ligand)))


def moved(one: Pocket, noise_nm: float = 0.0) -> Pocket:
    """In another frame, its atoms shaken."""
    noise = np.random.default_rng(1).normal(size=one.receptor.coordinates.shape)
    turned = (one.receptor.coordinates + noise_nm * noise) @ TURN.T + SHIFT
    return replace(one, receptor=replace(one.receptor, coordinates=turned))


def renamed(one: Pocket, share: float) -> Pocket:
    """With other residues in a share of the places."""
    count = len(one.receptor.residue_ids)
    chosen = np.random.default_rng(2).permutation(count)[: int(share * count)]
    names = tuple(
        "TRP" if residue in chosen else name
        for residue, name in zip(one.receptor.residues, one.receptor.residue_names, strict=True)
    )
    return replace(one, receptor=replace(one.receptor, residue_names=names))


@pytest.mark.parametrize("name", complexes())
def test_a_structure_is_laid_upon_its_own_copy(name):
    one = pocket(name)
    laid = laid_upon(one, moved(one))
    assert laid is not None
    np.testing.assert_allclose(laid.rotation, TURN, atol=1e-9)
    np.testing.assert_allclose(laid.shift, SHIFT, atol=1e-9)
    assert laid.identity == 1
    np.testing.assert_allclose(laid.moved(one.centre[None])[0], one.centre @ TURN.T + SHIFT)


def test_other_parts_of_it_and_what_moved_are_no_matter():
    one = pocket("1uou")
    about = cut_pocket(
        read_receptor(one.receptor.source), one.centre + np.array([0.3, 0.2, 0.0]), 1.4
    )
    other = moved(about, noise_nm=0.01)
    chain = other.receptor.coordinates.copy()
    chain[:120] += 1.0  # a loop that is elsewhere
    other = replace(other, receptor=replace(other.receptor, coordinates=chain))
    laid = laid_upon(one, other)
    assert laid is not None
    # Of 100 atoms or so that are 0.01 nm off each.
    assert np.abs(laid.moved(one.centre[None])[0] - (one.centre @ TURN.T + SHIFT)).max() < 0.01


def test_a_few_mutations_are_the_same_protein_and_many_are_not():
    one = pocket("1ia1")
    few = laid_upon(one, renamed(moved(one), 0.05))
    assert few is not None
    assert 0.9 < few.identity < 1
    assert laid_upon(one, renamed(moved(one), 0.2)) is None


def test_other_proteins_are_none_even_of_one_fold():
    # 1ia1 and 1s3v are dihydrofolate reductases, of yeast and of man.
    names = list(complexes())
    for k, one in enumerate(names):
        for other in names[:k]:
            assert laid_upon(pocket(one), pocket(other)) is None
