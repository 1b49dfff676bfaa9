"""Moves that keep bond lengths and angles."""

import pytest
import torch
from rdkit import Chem

from molgen.chem.conformers import conformers
from molgen.chem.torsional import torsional_bonds
from molgen.core.manifolds import so3
from molgen.docking.search.torsions import jacobian, place, pull_back
from molgen.docking.search.tree import Tree, build_tree

IMATINIB = "Cc1ccc(cc1Nc1nccc(n1)-c1cccnc1)NC(=O)c1ccc(cc1)CN1CCN(C)CC1"


def ligand(smiles: str = IMATINIB) -> tuple[Tree, torch.Tensor, torch.Tensor]:
    """Tree of all torsions, a conformer [atoms, 3], and the bonds [bonds, 2]."""
    mol = Chem.MolFromSmiles(smiles)
    pairs = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
    bonds = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    conformer = torch.as_tensor(conformers(mol, 1, 0)[0])
    tree = build_tree(len(conformer), bonds.numpy(), torsional_bonds(mol))
    return tree.to(conformer), conformer, bonds


@pytest.fixture
def motion(generator):
    tree, _, _ = ligand()
    return torch.randn(3, tree.freedom, generator=generator, dtype=torch.float64)


def dihedral(x, row):
    a, b, c, d = x[..., row, :].unbind(-2)
    u, v, w = b - a, c - b, d - c
    y = (torch.linalg.norm(v, dim=-1)[..., None] * u * torch.linalg.cross(v, w)).sum(-1)
    return torch.atan2(y, (torch.linalg.cross(u, v) * torch.linalg.cross(v, w)).sum(-1))


def test_bonds_and_angles_stay(motion):
    tree, x, bonds = ligand()
    moved = place(tree, x, motion)
    step = torch.zeros(len(x), len(x), dtype=torch.bool)
    step[bonds[:, 0], bonds[:, 1]] = step[bonds[:, 1], bonds[:, 0]] = True
    near = (step | (step.double() @ step.double() > 0)).nonzero().T  # 1-2 and 1-3 distances
    apart = (moved[:, near[0]] - moved[:, near[1]]).norm(dim=-1)
    torch.testing.assert_close(apart, (x[near[0]] - x[near[1]]).norm(dim=-1).expand(3, -1))


def test_each_torsion_changes_by_its_angle(motion):
    tree, x, _ = ligand()
    moved = place(tree, x, motion)
    for k, row in zip(tree.rotor.tolist(), tree.dihedrals, strict=True):
        change = dihedral(moved, row) - dihedral(x, row) - motion[:, 6 + k]
        torch.testing.assert_close(change.sin(), torch.zeros(3, dtype=torch.float64))
        assert (change.cos() > 0).all()


def test_without_torsions_it_is_a_rigid_motion(motion):
    tree, x, _ = ligand()
    motion[:, 6:] = 0
    middle = x.mean(0)
    expected = (x - middle) @ so3.exp(motion[:, 3:6]).mT + middle + motion[:, None, :3]
    torch.testing.assert_close(place(tree, x, motion), expected)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 3.0])  # series and closed form of the rotation
def test_pull_back_is_the_gradient(motion, generator, scale):
    tree, x, _ = ligand()
    motion = (scale * motion).requires_grad_()
    moved = place(tree, x, motion)
    gradient = torch.randn(moved.shape, generator=generator, dtype=moved.dtype)
    (expected,) = torch.autograd.grad(moved, motion, gradient)
    found = pull_back(tree, x.expand_as(moved), moved, motion, gradient)
    torch.testing.assert_close(found, expected)


def test_jacobian_is_the_derivative_at_rest():
    tree, x, _ = ligand()
    rest = torch.zeros(tree.freedom, dtype=x.dtype)
    expected = torch.autograd.functional.jacobian(lambda m: place(tree, x, m[None])[0], rest)
    torch.testing.assert_close(jacobian(tree, x[None])[0], expected)


@pytest.mark.parametrize("smiles", ["c1ccccc1", "C", "CC"])
def test_a_ligand_without_rotors_only_moves_rigidly(smiles):
    tree, x, _ = ligand(smiles)
    assert tree.freedom == 6
    rest = torch.zeros(2, 6, dtype=x.dtype)
    moved = place(tree, x, rest)
    torch.testing.assert_close(moved, x.expand(2, -1, -1))
    assert pull_back(tree, moved, moved, rest, moved).shape == (2, 6)
    assert jacobian(tree, moved).shape == (2, len(x), 3, 6)
