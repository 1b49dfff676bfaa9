from itertools import combinations
from typing import get_args

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem
from rdkit.Chem.rdMolTransforms import GetDihedralDeg, SetDihedralDeg

from molgen.chem.fragments import ANCHOR, BOND, Reduction, fragment, place, reference_distances
from molgen.chem.torsional import torsional_bonds
from molgen.errors import UsageError

IBUPROFEN = "CC(C)Cc1ccc(cc1)C(C)C(=O)O"
AWKWARD = {
    "ibuprofen": IBUPROFEN,
    "macrocycle": "CCC1OC(=O)C(C)C(O)C(C)C(OC2CC(N(C)C)CCO2)C(C)CC(C)C(=O)C=CC1C",
    "spiro": "C1CC2(CCN1CCc1ccccc1)OCCO2",
    "sulfonyl": "CC(C)CN(CC(O)C(N)Cc1ccccc1)S(=O)(=O)c1ccc(N)cc1",
    "charged": "C[N+](C)(C)CCOP(=O)([O-])OCC(O)CC([NH3+])C(=O)[O-]",
    "no torsion": "Nc1ncnc2[nH]cnc12",
    "two atoms": "CO",
    "more than 20 torsions": "CC(C)CC(NC(=O)C(Cc1ccccc1)NC(=O)C(CO)NC(=O)C(N)CCCCN)C(=O)NCC(=O)O",
    "heptadecane": "C" * 17,
    "glycol chain": "OCC" * 9 + "O",
    "alkyne": "OC(c1ccccc1)CC#CC#Cc1ccc(CN)cc1",
    "dendrimer": "C(COCCO)(COCCO)(COCCO)COCCO",
    "tert-butyl": "CC(C)(C)OC(=O)NC(C)(C)C(F)(F)F",
    "boron": "CC(NC(=O)c1cnccn1)B(O)OCCC1CCCC1",
}
HOW = get_args(Reduction)


def conformer(mol):
    """Coordinates [atoms, 3] in nm of the heavy atoms."""
    full = Chem.AddHs(mol)
    assert AllChem.EmbedMolecule(full, randomSeed=7, useRandomCoords=True) == 0
    return Chem.RemoveHs(full).GetConformer().GetPositions() / 10


@pytest.fixture(scope="module", params=AWKWARD.values(), ids=AWKWARD)
def ligand(request):
    mol = Chem.MolFromSmiles(request.param)
    return mol, conformer(mol)


def turned(mol, positions, bond, degrees):
    """The conformer with the torsion about one bond turned on."""
    full = Chem.Mol(mol)
    full.AddConformer(Chem.Conformer(len(positions)), assignId=True)
    full.GetConformer().SetPositions(positions * 10)
    i, j = (int(atom) for atom in bond)
    run = list(Chem.GetShortestPath(full, *_bent_ends(full, i, j)))
    quad = run[0], run[1], run[-2], run[-1]
    start = GetDihedralDeg(full.GetConformer(), *quad)
    if len(run) == 4:
        SetDihedralDeg(full.GetConformer(), *quad, start + degrees)
        return full.GetConformer().GetPositions() / 10
    return _turned_about_run(full, run, i, j, degrees) / 10


def _bent_ends(mol, i, j):
    """Atoms one beyond the bond, or beyond the straight run that it is in."""

    def beyond(atom, before):
        others = [
            other.GetIdx()
            for other in mol.GetAtomWithIdx(atom).GetNeighbors()
            if other.GetIdx() != before
        ]
        triple = any(
            bond.GetBondType() == Chem.BondType.TRIPLE
            for bond in mol.GetAtomWithIdx(atom).GetBonds()
        )
        return beyond(others[0], atom) if triple else others[0]

    return beyond(i, j), beyond(j, i)


def _turned_about_run(mol, run, i, j, degrees):
    """About the axis of a triple bond: RDKit sets no dihedral of atoms that are not bonded."""
    from scipy.spatial.transform import Rotation

    positions = mol.GetConformer().GetPositions()
    cut = Chem.FragmentOnBonds(mol, [mol.GetBondBetweenAtoms(i, j).GetIdx()], addDummies=False)
    side = next(list(part) for part in Chem.GetMolFrags(cut) if j in part)
    axis = positions[j] - positions[i]
    turn = Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis))
    positions[side] = turn.apply(positions[side] - positions[i]) + positions[i]
    return positions


@pytest.mark.parametrize("how", HOW)
def test_fragments_laid_upon_themselves_give_the_ligand_back(ligand, how):
    mol, positions = ligand
    parts = fragment(mol, how=how, generator=np.random.default_rng(0))
    placed = place(parts, positions, positions)
    np.testing.assert_allclose(placed, positions[parts.atom], atol=1e-12)


@pytest.mark.parametrize("how", HOW)
def test_every_fragment_has_two_active_points_and_every_cut_joins_two_fragments(ligand, how):
    mol, _ = ligand
    parts = fragment(mol, how=how, generator=np.random.default_rng(0))
    assert (np.bincount(parts.fragment[parts.active]) >= 2).all()
    assert parts.fragments == len(parts.cuts) + 1
    assert parts.active[: parts.atoms].all()
    assert parts.active[parts.links].all()
    first, second = parts.fragment[parts.links].T
    assert (first != second).all()
    assert len(parts.links) == len({frozenset(map(int, pair)) for pair in parts.links})
    bonds = parts.links[parts.link_kinds == BOND]
    np.testing.assert_array_equal(np.sort(bonds, axis=1), np.sort(parts.cuts, axis=1))


@pytest.mark.parametrize("how", HOW)
def test_no_torsion_changes_a_link_or_a_fragment(ligand, how):
    """Turning any torsional bond, cut or not, leaves links and the bodies of fragments alone."""
    mol, positions = ligand
    parts = fragment(mol, how=how, generator=np.random.default_rng(0))
    links = reference_distances(parts, positions)
    # angles at a cut bond and the bond itself: no link is longer than two bonds
    assert (links[parts.link_kinds == ANCHOR] == 0).all()
    assert links.max(initial=0) < 0.32
    for bond in torsional_bonds(mol):
        other = turned(mol, positions, bond, 77.0)
        assert np.abs(other - positions).max() > 1e-3
        np.testing.assert_allclose(reference_distances(parts, other), links, atol=1e-9)
        placed = place(parts, positions, other)
        np.testing.assert_allclose(
            placed[parts.active], other[parts.atom[parts.active]], atol=2e-3 if _runs(mol) else 1e-9
        )


def _runs(mol):
    """Whether it has triple bonds: an embedded run of them is not quite straight."""
    return mol.HasSubstructMatch(Chem.MolFromSmarts("C#C"))


def valid_as_published(mol, cuts, torsions):
    """The published rules: fragments without dummies have no torsion, atoms at most one uncut."""
    uncut = [atom for pair in torsions if pair not in cuts for atom in pair]
    if len(uncut) != len(set(uncut)):
        return False
    bonds = [mol.GetBondBetweenAtoms(*pair).GetIdx() for pair in cuts]
    pieces = Chem.FragmentOnBonds(mol, bonds, addDummies=False) if bonds else mol
    return not any(len(torsional_bonds(piece)) for piece in Chem.GetMolFrags(pieces, asMols=True))


@pytest.mark.parametrize(
    "smiles",
    [
        IBUPROFEN,
        AWKWARD["sulfonyl"],
        AWKWARD["charged"],
        AWKWARD["boron"],
        "C" * 12,
        "OCCN(CCO)CCO",
    ],
)
def test_the_smallest_sets_of_cuts_are_those_found_by_trying_all(smiles):
    mol = Chem.MolFromSmiles(smiles)
    torsions = [(int(i), int(j)) for i, j in torsional_bonds(mol)]
    size = next(
        size
        for size in range(len(torsions) + 1)
        if any(valid_as_published(mol, set(c), torsions) for c in combinations(torsions, size))
    )
    smallest = {
        frozenset(cuts)
        for cuts in combinations(torsions, size)
        if valid_as_published(mol, set(cuts), torsions)
    }
    generator = np.random.default_rng(0)
    drawn = {
        frozenset(
            (int(i), int(j)) for i, j in fragment(mol, how="random", generator=generator).cuts
        )
        for _ in range(40 * len(smallest))
    }
    assert drawn == smallest


def test_ibuprofen_falls_from_five_fragments_to_four():
    """As published: bonds 2, 3, 9 and 11 turn, and one of 2 and 3 need not be cut."""
    mol = Chem.MolFromSmiles(IBUPROFEN)
    generator = np.random.default_rng(0)
    assert fragment(mol, how="all", generator=generator).fragments == 5
    found = set()
    for _ in range(20):
        parts = fragment(mol, how="random", generator=generator)
        found.add(frozenset(mol.GetBondBetweenAtoms(*map(int, c)).GetIdx() for c in parts.cuts))
    assert found == {frozenset({2, 9, 11}), frozenset({3, 9, 11})}


def test_canonical_cuts_do_not_depend_on_the_generator_or_the_order_of_the_atoms():
    mol = Chem.MolFromSmiles(AWKWARD["more than 20 torsions"])
    # asymmetric, so that ranks name every atom the same in any order
    shuffled = [int(atom) for atom in np.random.default_rng(1).permutation(mol.GetNumAtoms())]
    other = Chem.RenumberAtoms(mol, shuffled)
    first, again = (
        fragment(mol, how="canonical", generator=np.random.default_rng(seed)).cuts
        for seed in (0, 1)
    )
    moved = fragment(other, how="canonical", generator=np.random.default_rng(2)).cuts
    np.testing.assert_array_equal(first, again)
    assert kinds_of(mol, first) == kinds_of(other, moved)


def kinds_of(mol, cuts):
    """Which atoms the bonds join, whatever their numbers."""
    kinds = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
    return sorted(sorted(kinds[atom] for atom in pair) for pair in cuts.tolist())


def test_canonical_cuts_spare_the_stereocentre_where_there_is_a_choice():
    mol = Chem.MolFromSmiles("CC[C@H](F)Cc1ccccc1")
    generator = np.random.default_rng(0)
    # 1-2, 2-4 and 4-5 turn; 1 and 2 hold others, so one of 2-4 and 4-5 may stay whole
    drawn = [fragment(mol, how="random", generator=generator).cuts.tolist() for _ in range(20)]
    assert [[1, 2], [2, 4]] in drawn
    canonical = fragment(mol, how="canonical", generator=generator)
    assert canonical.cuts.tolist() == [[1, 2], [4, 5]]


def test_even_and_uneven_fragments_are_told_apart():
    mol = Chem.MolFromSmiles("C" * 13)
    sizes = {
        how: np.sort(
            np.bincount(fragment(mol, how=how, generator=np.random.default_rng(0)).fragment[:13])
        )
        for how in ("smallest", "largest")
    }
    assert np.sqrt(sizes["smallest"]).mean() > np.sqrt(sizes["largest"]).mean()
    assert (sizes["largest"] ** 2).sum() > (sizes["smallest"] ** 2).sum()


def test_a_rigid_ligand_is_one_fragment_without_links():
    parts = fragment(Chem.MolFromSmiles("c1ccc2ccccc2c1"), generator=np.random.default_rng(0))
    assert parts.fragments == 1
    assert parts.links.shape == (0, 2)
    assert len(parts.cuts) == 0


def test_an_unknown_reduction_is_refused():
    with pytest.raises(UsageError, match="no reduction 'most'; there are random, canonical"):
        fragment(Chem.MolFromSmiles("CCO"), how="most", generator=np.random.default_rng(0))
