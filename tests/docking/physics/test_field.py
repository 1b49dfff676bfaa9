"""The field of a pocket on a grid, against the energy that it interpolates."""

import functools

import numpy as np
import pytest
import torch

from molgen.chem.vina_types import VinaType
from molgen.docking.physics import Scoring
from molgen.docking.physics.field import SPACING_NM, PocketField
from molgen.docking.physics.terms import TERMS
from tests.docking.physics.test_physics import parts

FUNCTIONS = sorted(TERMS)
LIKE = torch.zeros(1, dtype=torch.float64)


@functools.cache
def field(function: str) -> tuple[PocketField, np.ndarray]:
    receptor, types, ligand, seen, _ = parts("1uou")
    centre = ligand.pose.mean(0)
    return PocketField(
        receptor.coordinates, types, seen.types, centre, 0.4, function=function, like=LIKE
    ), centre


def exact(function: str, kind: int, points: torch.Tensor) -> torch.Tensor:
    receptor, types, *_ = parts("1uou")
    alone = Scoring(
        receptor.coordinates,
        types,
        np.array([kind]),
        np.zeros((0, 2), int),
        0.0,
        function=function,
        like=LIKE,
    )
    energy = alone.intermolecular(points[:, None])
    # Scoring's cap of clashes is 1000, that of the field 10 kcal/mol.
    bare = torch.where(energy > 0, energy * 1000 / (1000 - energy), energy)
    return torch.where(bare > 0, bare * 10 / (10 + bare), bare)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_points_of_the_grid_have_the_energy_of_scoring(function, generator):
    grid, _ = field(function)
    seen = parts("1uou")[3]
    cells = torch.randint(1, grid.cells, (200, 1, 3), generator=generator)
    points = grid.corner + SPACING_NM * cells.double()
    poses = points.expand(-1, len(seen.types), -1)
    # One atom of the ligand at a time: the others are the same in both.
    total, _ = grid.energy_and_gradient(poses)
    expected = sum(exact(function, kind, points[:, 0]) for kind in seen.types)
    # 1e-6 kcal/mol for each of 16 atoms and hundreds of pairs beyond the field's reach.
    torch.testing.assert_close(total, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradient_by_finite_differences(function, generator):
    grid, centre = field(function)
    atoms = len(parts("1uou")[3].types)
    poses = torch.as_tensor(centre) + 0.2 * torch.randn(
        5, atoms, 3, generator=generator, dtype=LIKE.dtype
    )
    gradient = grid.energy_and_gradient(poses)[1]
    change = 1e-8 * torch.randn(poses.shape, generator=generator, dtype=LIKE.dtype)
    slope = (
        grid.energy_and_gradient(poses + change)[0] - grid.energy_and_gradient(poses - change)[0]
    )
    expected = 2 * (gradient * change).sum((1, 2))
    torch.testing.assert_close(slope, expected, rtol=1e-3, atol=1e-9)


def test_between_the_points_it_is_nearly_scoring_at_a_crystal_pose():
    pose = torch.as_tensor(parts("1uou")[2].pose)
    grid, _ = field("vinardo")
    found = grid.energy_and_gradient(pose[None])[0]
    kinds = parts("1uou")[3].types
    expected = sum(exact("vinardo", kind, pose[k : k + 1]) for k, kind in enumerate(kinds))
    # Straight lines between points 0.0375 nm apart miss some of each minimum's depth.
    torch.testing.assert_close(found, expected, atol=0.6, rtol=0)


def test_atoms_outside_the_box_are_pulled_back():
    grid, centre = field("vina")
    atoms = len(parts("1uou")[3].types)
    poses = torch.as_tensor(centre).expand(1, atoms, 3).clone()
    poses[0, 0, 0] += 0.6
    nearer = poses.clone()
    nearer[0, 0, 0] -= 0.1
    (far, gradient), (near, _) = map(grid.energy_and_gradient, (poses, nearer))
    assert gradient[0, 0].tolist() == [pytest.approx(100), 0, 0] or gradient[0, 0, 0] == 100
    torch.testing.assert_close(far - near, torch.tensor([10.0], dtype=LIKE.dtype))


def test_types_are_told_apart():
    """A donor is drawn to an acceptor, a carbon is not."""
    pocket = np.zeros((1, 3))
    grid = PocketField(
        pocket,
        np.array([VinaType.O_A]),
        np.array([VinaType.N_D, VinaType.C_P]),
        np.zeros(3),
        0.5,
        like=LIKE,
    )
    far = [0.49, 0.49, 0.49]
    donor = torch.tensor([[[0.27, 0.0, 0.0], far]], dtype=LIKE.dtype)
    carbon = torch.tensor([[far, [0.27, 0.0, 0.0]]], dtype=LIKE.dtype)
    assert grid.energy_and_gradient(donor)[0] < -0.2
    assert grid.energy_and_gradient(carbon)[0] > 0.2
