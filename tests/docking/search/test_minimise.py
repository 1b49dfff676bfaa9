"""Minima below poses: of a bowl, whose minimum is known, and of a real complex."""

import dataclasses

import pytest
import torch

from molgen.docking.search.minimise import minimise
from molgen.docking.search.torsions import place
from molgen.docking.search.tree import build_tree
from tests.docking.physics.test_physics import parts, scoring
from tests.docking.search.test_torsions import ligand


def complex_tree(name: str, like: torch.Tensor):
    _, _, ligand, seen, _ = parts(name)
    tree = build_tree(len(seen.types), seen.bonds, seen.rotors).to(like)
    return tree, torch.as_tensor(ligand.pose).to(like), scoring(name, "vinardo", like)


def off(poses, target):
    return (poses - target).square().sum(-1).mean(-1).sqrt()


@pytest.fixture
def bowl(generator):
    """A conformer, poses of it, and springs to the atoms of one pose."""
    tree, conformer, _ = ligand()
    motion = 0.4 * torch.randn(8, tree.freedom, generator=generator, dtype=torch.float64)
    poses = place(tree, conformer, motion)

    def energy(x):
        return 50 * (x - conformer).square().sum((1, 2)), 100 * (x - conformer)

    return tree, conformer, poses, energy


def test_springs_pull_poses_to_where_they_rest(bowl):
    tree, conformer, poses, energy = bowl
    found = minimise(tree, poses, energy, evaluations=200, tolerance=1e-10)
    assert off(poses, conformer).min() > 0.1
    assert off(found.poses, conformer).max() < 1e-4
    torch.testing.assert_close(found.energy, energy(found.poses)[0])


def test_each_pose_goes_its_own_way(bowl):
    tree, _, poses, energy = bowl
    together = minimise(tree, poses, energy)
    for k in (0, 3):
        alone = minimise(tree, poses[k : k + 1], energy)
        torch.testing.assert_close(alone.poses[0], together.poses[k])
        assert alone.evaluations[0] == together.evaluations[k]


def test_evaluations_are_counted_and_limited(bowl):
    tree, _, poses, energy = bowl
    calls = torch.zeros(len(poses), dtype=torch.int64)

    def counted(x):
        calls[: len(x)] += 1
        return energy(x)

    found = minimise(tree, poses, counted, evaluations=7)
    assert found.evaluations.max() <= 7
    assert found.evaluations.sum() == calls.sum()


def test_a_held_root_stays(bowl):
    tree, _, poses, energy = bowl
    found = minimise(dataclasses.replace(tree, held=True), poses, energy)
    root = tree.piece == 0
    torch.testing.assert_close(found.poses[:, root], poses[:, root])
    assert (found.energy < energy(poses)[0]).all()


def test_disturbed_crystal_poses_come_back():
    like = torch.zeros(1, dtype=torch.float32)
    tree, pose, energy = complex_tree("1s3v", like)
    generator = torch.Generator().manual_seed(1)
    motion = 0.15 * torch.randn(20, tree.freedom, generator=generator)
    motion[:, :3] *= 0.5
    start = place(tree, pose, motion)
    found = minimise(tree, start, energy.energy_and_gradient)
    before, _ = energy.energy_and_gradient(start)
    assert (found.energy < before).all()
    # 1.3 Å away on average before, and most are back in the crystal's minimum after.
    assert off(start, pose).median() > 0.1
    assert off(found.poses, pose).median() < 0.06


def test_nothing_near_a_minimum_is_lower(generator):
    like = torch.zeros(1, dtype=torch.float64)
    tree, pose, energy = complex_tree("1uou", like)
    found = minimise(tree, pose[None], energy.energy_and_gradient, evaluations=300, tolerance=1e-6)
    motion = 0.01 * torch.randn(300, tree.freedom, generator=generator, dtype=pose.dtype)
    motion[:, :3] *= 0.1
    around, _ = energy.energy_and_gradient(place(tree, found.poses[0], motion))
    # The start is 0.5 kcal/mol higher. The energy has kinks, where a walk may end a little early.
    assert around.min() > found.energy[0] - 1e-3


def test_bond_lengths_stay():
    like = torch.zeros(1, dtype=torch.float64)
    tree, pose, energy = complex_tree("1ia1", like)
    bonds = parts("1ia1")[3].bonds
    found = minimise(tree, pose[None] + 0.02, energy.energy_and_gradient, evaluations=20).poses[0]
    lengths = [(x[bonds[:, 0]] - x[bonds[:, 1]]).norm(dim=-1) for x in (found, pose)]
    torch.testing.assert_close(*lengths)
