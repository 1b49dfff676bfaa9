"""Vina and Vinardo energies: against the program itself, closed forms and finite differences."""

import functools
import math

import numpy as np
import pytest
import torch

from molgen.chem.ligand import read_ligand
from molgen.chem.pocket import centre_of_ligand, cut_pocket
from molgen.chem.receptor import read_receptor
from molgen.chem.vina_ligand import vina_ligand
from molgen.chem.vina_receptor import receptor_types
from molgen.chem.vina_types import VinaType
from molgen.docking.physics import Scoring
from molgen.docking.physics.terms import TERMS
from molgen.docking.search.tree import build_tree
from molgen.errors import UsageError
from tests.docking.complexes import complexes
from tests.docking.vina_reference import vina_energies

FUNCTIONS = sorted(TERMS)


@functools.cache
def parts(name: str):
    """Pocket, its types, the ligand and how Vina sees it, and the pairs that interact."""
    protein, path = complexes()[name]
    ligand = read_ligand(path)
    receptor = cut_pocket(read_receptor(protein), centre_of_ligand(ligand), 2.0).receptor
    seen = vina_ligand(ligand.molecule)
    tree = build_tree(len(seen.types), seen.bonds, seen.rotors)
    return receptor, receptor_types(receptor), ligand, seen, tree.pairs


def scoring(name: str, function: str, like: torch.Tensor) -> Scoring:
    receptor, types, _, seen, pairs = parts(name)
    return Scoring(
        receptor.coordinates, types, seen.types, pairs, seen.torsions, function=function, like=like
    )


def two_atoms(function: str, one: VinaType, other: VinaType, apart_nm: float) -> float:
    like = torch.zeros(1, 1, 3, dtype=torch.float64)
    pocket = np.array([[apart_nm, 0.0, 0.0]])
    pair = Scoring(
        pocket,
        np.array([other]),
        np.array([one]),
        np.zeros((0, 2), int),
        0.0,
        function=function,
        like=like,
    )
    return pair.intermolecular(like).item()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", sorted(complexes()))
def test_energies_are_those_of_vina(name, function, tmp_path):
    receptor, _, ligand, _, _ = parts(name)
    expected = vina_energies(tmp_path, receptor, ligand.molecule, ligand.pose, function)
    pose = torch.as_tensor(ligand.pose)[None]
    found = scoring(name, function, pose)
    # Vina reads its terms from tables of 1/32 Å^2: 0.01 or so over all pairs.
    assert found.affinity(pose).item() == pytest.approx(expected["total"], abs=0.05)
    assert found.intermolecular(pose).item() == pytest.approx(expected["inter"], abs=0.05)
    assert found.intramolecular(pose).item() == pytest.approx(expected["intra"], abs=0.05)


def test_two_carbons_by_the_formula():
    # Vinardo, s = 0.05 nm: one Gaussian and 0.8 of the hydrophobic ramp.
    expected = -0.045 * math.exp(-((0.05 / 0.08) ** 2)) - 0.035 * 0.8
    assert two_atoms("vinardo", VinaType.C_H, VinaType.C_H, 0.45) == pytest.approx(expected)
    # Vina, s = 0.1 nm: two Gaussians and half of its ramp.
    expected = -0.035579 * math.exp(-4) - 0.005156 * math.exp(-1) - 0.035069 / 2
    assert two_atoms("vina", VinaType.C_H, VinaType.C_H, 0.48) == pytest.approx(expected)


def test_overlap_repels_by_its_square():
    # Vinardo, polar carbons at s = -0.1 nm: 0.8 kcal/mol/Å^2 times 1 Å^2.
    expected = 0.8 - 0.045 * math.exp(-((0.1 / 0.08) ** 2))
    found = two_atoms("vinardo", VinaType.C_P, VinaType.C_P, 0.3)
    assert found == pytest.approx(expected / (1 + expected / 1000))  # the cap of clashes


RADII_A = {"C": 2.0, "N": 1.7, "O": 1.6, "S": 2.0, "M": 1.2}  # Vinardo, by first letter
DONORS = {VinaType.N_D, VinaType.N_DA, VinaType.O_D, VinaType.O_DA, VinaType.MET}
ACCEPTORS = {VinaType.N_A, VinaType.N_DA, VinaType.O_A, VinaType.O_DA}
OTHERS = {VinaType.N_P, VinaType.O_P, VinaType.S, VinaType.C_P}


@pytest.mark.parametrize("one", sorted(DONORS | ACCEPTORS | OTHERS))
def test_hydrogen_bonds_are_between_donors_and_acceptors(one):
    for other in sorted(DONORS | ACCEPTORS | OTHERS):
        bonded = (one in DONORS and other in ACCEPTORS) or (one in ACCEPTORS and other in DONORS)
        touching = RADII_A[one.name[0]] + RADII_A[other.name[0]]
        # s = -0.03 nm, half way down the ramp.
        apart = 0.1 * touching - 0.03
        expected = -0.045 * math.exp(-((0.03 / 0.08) ** 2)) + 80 * 0.03**2 - 0.3 * bonded
        found = two_atoms("vinardo", one, other, apart)
        assert found == pytest.approx(expected, abs=1e-5), other.name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_beyond_the_cutoff(function):
    assert two_atoms(function, VinaType.C_H, VinaType.C_H, 0.8001) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradient_by_finite_differences(function, generator):
    pose = torch.as_tensor(parts("1s3v")[2].pose)[None]
    energy = scoring("1s3v", function, pose).energy_and_gradient
    gradient = energy(pose)[1]
    for _ in range(5):
        change = 1e-6 * torch.randn(pose.shape, generator=generator, dtype=pose.dtype)
        slope = energy(pose + change)[0] - energy(pose - change)[0]
        # 1e-4: a ramp may begin within the step; energies of 10 in float64 leave 1e-9.
        torch.testing.assert_close(slope, 2 * (gradient * change).sum((1, 2)), rtol=1e-4, atol=1e-9)


def test_autograd_gives_the_same_gradient():
    pose = torch.as_tensor(parts("1uou")[2].pose)[None].repeat(2, 1, 1).requires_grad_()
    energy = scoring("1uou", "vinardo", pose.detach())
    (energy.intermolecular(pose) + energy.intramolecular(pose)).sum().backward()
    torch.testing.assert_close(pose.grad, energy.energy_and_gradient(pose.detach())[1])


def test_poses_of_a_batch_do_not_mix(generator):
    pose = torch.as_tensor(parts("1ia1")[2].pose)
    noise = 0.05 * torch.randn(30, *pose.shape, generator=generator, dtype=pose.dtype)
    energy = scoring("1ia1", "vinardo", pose)
    together = energy.energy_and_gradient(pose + noise)
    alone = [energy.energy_and_gradient((pose + one)[None]) for one in noise]
    torch.testing.assert_close(together[0], torch.cat([one for one, _ in alone]))
    torch.testing.assert_close(together[1], torch.cat([one for _, one in alone]))


def test_single_precision_is_enough(generator):
    pose = torch.as_tensor(parts("1uou")[2].pose)
    poses = pose + 0.02 * torch.randn(10, *pose.shape, generator=generator, dtype=pose.dtype)
    double = scoring("1uou", "vinardo", poses).intermolecular(poses)
    single = scoring("1uou", "vinardo", poses.float()).intermolecular(poses.float())
    # Positions of some nm have an error of 2e-7, slopes are below 100 kcal/mol/nm.
    torch.testing.assert_close(single.double(), double, atol=2e-3, rtol=0)


def test_atoms_on_top_of_one_another_have_a_finite_energy():
    receptor, _, ligand, _, _ = parts("1uou")
    pose = torch.as_tensor(receptor.coordinates[: len(ligand.pose)])[None]
    energy, gradient = scoring("1uou", "vina", pose).energy_and_gradient(pose)
    assert energy.isfinite().all()
    assert gradient.isfinite().all()


def test_an_unknown_function_is_named():
    with pytest.raises(UsageError, match="'dsx': there are vina, vinardo"):
        scoring("1uou", "dsx", torch.zeros(1))
