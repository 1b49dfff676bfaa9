"""Internal coordinates against mdtraj, and the IUPAC sign of an L-residue."""

import math
from pathlib import Path

import mdtraj
import numpy as np
import pytest
import torch

from molgen.errors import UsageError
from molgen.md.evaluation.ensemble import Ensemble, bead_variables, plane_of
from molgen.md.geometry import angles, bonded_triples, distances
from molgen.md.system import load_system

SYSTEMS = Path(__file__).parents[3] / "systems"


def test_phi_psi_of_alanine_dipeptide_agree_with_mdtraj(ala2):
    rng = np.random.default_rng(0)
    start = ala2.start.numpy()
    x = start + 0.01 * rng.normal(size=(20, *start.shape))
    trajectory = mdtraj.Trajectory(x, mdtraj.load(str(SYSTEMS / "ala2" / "ala2.pdb")).topology)
    ours = Ensemble.from_positions(x, ala2.collective_variables).points
    for k, theirs in enumerate((mdtraj.compute_phi, mdtraj.compute_psi)):
        # mdtraj works in float32
        assert ours[:, k] == pytest.approx(theirs(trajectory)[1][:, 0], abs=1e-4)


def test_beads_give_the_dihedrals_of_all_atoms(ala2):
    rng = np.random.default_rng(1)
    x = ala2.start + 0.01 * torch.as_tensor(rng.normal(size=(5, *ala2.start.shape)))
    beads = ala2.mapping("backbone5")
    whole = Ensemble.from_positions(x, ala2.collective_variables)
    part = Ensemble.from_positions(beads.select(x), bead_variables(ala2, beads), beads)
    assert (whole.points == part.points).all()
    assert list(part.distances) == ["1:C - 2:N", "2:N - 2:CA", "2:CA - 2:C", "2:C - 3:N"]
    assert len(part.angles) == 3
    no_psi = ala2.atoms.choose("short", beads.atoms[:4])
    with pytest.raises(UsageError, match="psi of system ala2 needs atom 3:N"):
        bead_variables(ala2, no_psi)


def test_l_residue_in_a_right_handed_helix_has_negative_phi_and_psi():
    # build N, CA, C, N' of an ideal alpha helix: 1.5 A rise and 100 degrees a residue, turning
    # right-handed about +z. Its phi is -57, psi -47 degrees (IUPAC 1970).
    radius = {"N": 0.155, "CA": 0.229, "C": 0.161}  # nm, roughly those of an alpha helix
    turn = {"N": math.radians(-27.3), "CA": 0.0, "C": math.radians(25.9)}
    height = {"N": -0.088, "CA": 0.0, "C": 0.106}

    def atom(name, residue):
        angle = turn[name] + math.radians(100) * residue
        return [
            radius[name] * math.cos(angle),
            radius[name] * math.sin(angle),
            height[name] + 0.15 * residue,
        ]

    x = np.array([[atom("C", 0), atom("N", 1), atom("CA", 1), atom("C", 1), atom("N", 2)]])
    points = Ensemble.from_positions(x, {"phi": (0, 1, 2, 3), "psi": (1, 2, 3, 4)}).points
    assert np.degrees(points[0]) == pytest.approx([-57, -47], abs=12)
    mirrored = Ensemble.from_positions(x * [1, 1, -1], {"phi": (0, 1, 2, 3)}).points
    assert mirrored[0, 0] == pytest.approx(-points[0, 0])


def test_angles_and_distances_of_a_right_triangle():
    x = torch.tensor([[[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [3.0, 4.0, 0.0]]], dtype=torch.float64)
    assert distances(x, [(0, 1), (0, 2)]).tolist() == [[3.0, 5.0]]
    assert angles(x, [(0, 1, 2)]).item() == pytest.approx(math.pi / 2)
    assert angles(x, [(1, 0, 2)]).item() == pytest.approx(math.atan2(4, 3))


def test_angle_keeps_its_digits_near_pi():
    bend = 1e-9  # arccos would give exactly pi
    x = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, bend, 0.0]]], dtype=torch.float64)
    assert math.pi - angles(x, [(0, 1, 2)]).item() == pytest.approx(bend, rel=1e-6)


def test_bonded_triples_of_a_branch():
    assert bonded_triples([(0, 1), (1, 2), (1, 3)]) == [(0, 1, 2), (0, 1, 3), (2, 1, 3)]


def test_an_atom_beyond_the_conformer_is_named():
    with pytest.raises(UsageError, match="needs atom 7, but the conformers have 3 atoms"):
        distances(torch.zeros(1, 3, 3), [(0, 7)])


def test_planes_of_the_shipped_systems(ala2):
    assert plane_of(ala2).periodic
    toy = plane_of(load_system("mueller_brown"))
    assert (toy.names, toy.js_bins, toy.pmf_bins) == (("x", "y"), 100, 64)
    assert toy.limits == ((-1.8, 1.1), (-0.5, 2.0))
