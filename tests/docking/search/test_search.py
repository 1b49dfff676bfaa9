"""Poses found by chance, without the crystal's."""

import functools

import pytest
import torch

from molgen.chem.conformers import conformers
from molgen.docking.physics.field import PocketField
from molgen.docking.search import TEMPERATURE, Found, Searched, distinct, scattered, search, spread
from molgen.docking.search.minimise import minimise
from tests.docking.physics.test_physics import parts
from tests.docking.search.test_minimise import complex_tree, off


@functools.cache
def field(name: str) -> PocketField:
    receptor, types, ligand, seen, _ = parts(name)
    like = torch.zeros(1)
    centre = ligand.pose.mean(0)
    return PocketField(receptor.coordinates, types, seen.types, centre, 0.7, like=like)


def found(name: str, seed: int, steps: int) -> Found:
    tree, pose, scoring = complex_tree(name, torch.zeros(1))
    shapes = torch.as_tensor(conformers(parts(name)[2].molecule, 2, seed)).float()
    generator = torch.Generator().manual_seed(seed)
    start = scattered(tree, shapes, 40, pose.mean(0), 0.3, generator)
    return search(tree, start, field(name), scoring, steps=steps, count=5, generator=generator)


def test_a_search_finds_the_crystal_pose():
    best = found("1uou", 0, 12)
    tree, pose, scoring = complex_tree("1uou", torch.zeros(1))
    crystal = minimise(tree, pose[None], scoring.energy_and_gradient)
    assert off(best.poses, pose).min() < 0.1
    # Another conformer's bonds and angles may cost or bring a little.
    assert best.energy[0] < crystal.energy[0] + 0.5
    assert (best.energy.diff() >= 0).all()


def test_a_search_is_the_same_for_the_same_seed():
    one, same, other = (found("1uou", seed, 0) for seed in (3, 3, 4))
    assert torch.equal(one.poses, same.poses)
    assert not torch.equal(one.poses, other.poses)


def test_scattered_poses_fill_the_box_with_the_conformers(generator):
    tree, pose, _ = complex_tree("1s3v", torch.zeros(1, dtype=torch.float64))
    centre = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    poses = scattered(tree, torch.stack([pose, 1.1 * pose]), 400, centre, 0.5, generator)
    middles = (poses.mean(1) - centre).flatten()
    assert middles.abs().max() <= 0.5
    # Uniform: variance 1/12, of 1200 numbers to 5 %.
    assert middles.var() == pytest.approx(1 / 12, rel=0.15)
    bonds = parts("1s3v")[3].bonds
    lengths = (poses[:, bonds[:, 0]] - poses[:, bonds[:, 1]]).norm(dim=-1)
    expected = (pose[bonds[:, 0]] - pose[bonds[:, 1]]).norm(dim=-1)
    torch.testing.assert_close(lengths[0::2], expected.expand(200, -1))
    torch.testing.assert_close(lengths[1::2], 1.1 * expected.expand(200, -1))


def test_chains_start_from_drawn_poses_and_from_random_ones(generator):
    tree, pose, _ = complex_tree("1s3v", torch.zeros(1))
    drawn = torch.stack([pose, pose + 1])
    start = spread(tree, drawn, pose[None], 10, 0.5, generator)
    torch.testing.assert_close(start[:8], drawn.repeat(4, 1, 1))
    assert ((start[8:, None] - drawn).square().sum(-1).mean(-1).sqrt() > 0.1).all()


def test_distinct_keeps_the_lowest_of_near_poses():
    poses = torch.zeros(4, 5, 3)
    poses[1] += 0.05  # 0.087 nm away: the same
    poses[2] += 0.1
    poses[3] += 0.5
    kept = distinct(poses, torch.tensor([3.0, 1.0, 2.0, 4.0]), 9)
    assert kept.energy.tolist() == [1.0, 4.0]
    torch.testing.assert_close(kept.poses, poses[[1, 3]])
    assert len(distinct(poses, torch.arange(4.0), 1).energy) == 1


def test_the_share_of_a_pose_is_that_of_the_minima_about_it():
    poses = torch.zeros(3, 5, 3)
    poses[1] += 0.05  # 0.087 nm away: the same funnel
    poses[2] += 0.5
    energy = -TEMPERATURE * torch.tensor([1.0, 2.0, 2.5]).log()
    shares = Searched(poses[:1], energy[:1], Found(poses, energy)).share(poses + 0.01)
    torch.testing.assert_close(shares.exp(), torch.tensor([3.0, 3.0, 2.5]) / 5.5)
    nowhere = Searched(poses[:1], energy[:1], Found(poses, energy)).share(poses[:1] - 1)
    assert nowhere.item() == -torch.inf
