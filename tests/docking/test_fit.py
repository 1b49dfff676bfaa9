"""The pose of a conformer nearest to given positions."""

import math

import pytest
import torch

from molgen.core.manifolds import so3
from molgen.docking.fit import fit, superposed
from molgen.docking.search.torsions import place
from tests.docking.search.test_torsions import dihedral, ligand


def motions(tree, count: int, generator) -> torch.Tensor:
    return torch.randn(count, tree.freedom, generator=generator, dtype=torch.float64)


def test_a_pose_of_the_conformer_is_found_again(generator):
    tree, conformer, _ = ligand()
    poses = place(tree, conformer, motions(tree, 5, generator))
    found = fit(tree, conformer, poses)
    torch.testing.assert_close(found.poses, poses)
    assert found.rmsd.max() < 1e-9


def test_open_junctions_are_closed_and_nearer_to_the_truth(generator):
    """Pieces displaced one by one: bonds come back, and most of the noise averages out."""
    tree, conformer, bonds = ligand()
    truth = place(tree, conformer, motions(tree, 20, generator))
    count = len(tree.axes) + 1
    middles = torch.stack([truth[:, tree.piece == k].mean(1) for k in range(count)], 1)
    turns = 0.2 * torch.randn(20, count, 3, generator=generator, dtype=truth.dtype)
    shifts = 0.02 * torch.randn(20, count, 3, generator=generator, dtype=truth.dtype)
    body = (truth - middles[:, tree.piece])[..., None]
    broken = (so3.exp(turns)[:, tree.piece] @ body)[..., 0] + (middles + shifts)[:, tree.piece]

    found = fit(tree, conformer, broken)
    lengths = (found.poses[:, bonds[:, 0]] - found.poses[:, bonds[:, 1]]).norm(dim=-1)
    expected = (conformer[bonds[:, 0]] - conformer[bonds[:, 1]]).norm(dim=-1)
    torch.testing.assert_close(lengths, expected.expand_as(lengths))

    def off(poses):
        return (poses - truth).square().sum(-1).mean(-1).sqrt().mean()

    # 11 + 6 degrees of freedom of 12 pieces' 72: less than half of the noise is left.
    assert off(found.poses) < 0.7 * off(broken)


def test_the_fit_is_at_a_minimum(generator):
    tree, conformer, _ = ligand()
    target = place(tree, conformer, motions(tree, 4, generator))
    target = target + 0.02 * torch.randn(target.shape, generator=generator, dtype=target.dtype)
    found = fit(tree, conformer, target, rounds=40)
    motion = torch.zeros(4, tree.freedom, dtype=target.dtype, requires_grad=True)
    loss = (place(tree, found.poses, motion) - target).square().sum()
    (gradient,) = torch.autograd.grad(loss, motion)
    assert gradient.abs().max() < 1e-5  # nm^2; some 0.01 away from the minimum


def test_stiff_rotors_keep_their_angle_or_turn_by_half(generator):
    tree, conformer, _ = ligand()
    motion = motions(tree, 6, generator)
    stiff = torch.arange(len(tree.axes)) % 2 == 0
    found = fit(tree, conformer, place(tree, conformer, motion), stiff=stiff).poses
    # The rotors' angles in the fit, relative to the conformer, from a second fit of all of them.
    for k, row in zip(tree.rotor.tolist(), tree.dihedrals, strict=True):
        if stiff[k]:
            turned = dihedral(found, row) - dihedral(conformer, row)
            torch.testing.assert_close(turned.sin(), torch.zeros_like(turned))
            nearest = (motion[:, 6 + k] / math.pi).round() * math.pi
            assert ((turned - nearest).cos() > 0.99).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_superposed_undoes_a_rigid_motion_and_never_reflects(generator, dtype):
    _, x, _ = ligand()
    x = x.to(dtype)
    R = so3.exp(torch.randn(4, 3, generator=generator, dtype=dtype))
    target = x @ R.mT + 0.3
    found = superposed(x.expand_as(target), target)
    torch.testing.assert_close(found, target, atol=1e-5, rtol=0)
    mirror = x * torch.tensor([1.0, 1.0, -1.0], dtype=dtype)
    assert (superposed(mirror.expand_as(target), target) - target).norm(dim=-1).mean() > 0.01


def test_poses_of_a_batch_do_not_mix(generator):
    tree, conformer, _ = ligand()
    target = place(tree, conformer, motions(tree, 3, generator))
    target = target + 0.1 * torch.randn(target.shape, generator=generator, dtype=target.dtype)
    together = fit(tree, conformer, target)
    for k in range(3):
        alone = fit(tree, conformer, target[k : k + 1])
        torch.testing.assert_close(alone.poses[0], together.poses[k])
