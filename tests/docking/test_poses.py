"""Poses that are handed out: different ones, best first, with what is known of each."""

from dataclasses import replace

import numpy as np
import pytest

from molgen.chem.ligand import read_ligand
from molgen.docking.desk import Desk, DockPlan
from molgen.docking.docked import Docked
from molgen.docking.poses import handed_out
from molgen.docking.target import Site, Target
from tests.docking.complexes import complexes

PROTEIN, LIGAND = complexes()["1uou"]


@pytest.fixture(scope="module")
def target():
    return Target.of(PROTEIN, Site(reference=LIGAND))


def docked(target, shifts_nm):
    """The crystal pose, moved along x by so much, in the order given."""
    ligand = read_ligand(LIGAND)
    poses = ligand.pose + np.array(shifts_nm)[:, None, None] * np.array([1.0, 0, 0])
    energy = np.arange(len(poses), dtype=float)
    return Docked(ligand, target.pocket, poses, energy, energy - 5, None, {"network": 1.0})


def test_poses_like_a_better_one_are_left_out(target):
    found = handed_out(
        docked(target, [0.0, 0.05, 0.15, 0.12, 1.0]),
        target,
        keep=3,
        apart_nm=0.1,
        checks=False,
        reference=read_ligand(LIGAND).pose,
    )
    assert [row["rmsd_A"] for row in found.rows] == ["0.00", "1.50", "10.00"]
    assert [row["rank"] for row in found.rows] == ["1", "2", "3"]
    assert [row["energy_kcal_mol"] for row in found.rows] == ["0.000", "2.000", "4.000"]
    assert [row["affinity_kcal_mol"] for row in found.rows] == ["-5.000", "-3.000", "-1.000"]
    assert "pb_valid" not in found.rows[0]
    assert "confidence" not in found.rows[0]
    assert found.seconds["network"] == 1.0


def test_the_crystal_pose_passes_and_one_in_a_wall_fails(target):
    found = handed_out(
        docked(target, [0.0, 0.4]), target, keep=9, apart_nm=0.1, checks=True, reference=None
    )
    assert [row["pb_valid"] for row in found.rows] == ["True", "False"]
    assert found.rows[1]["minimum_distance_to_protein"] == "False"
    assert "rmsd_A" not in found.rows[0]
    # Thymine-like: hydrogen bonds of its ring, as the crystal has them.
    assert "ARG" in found.rows[0]["polar_contacts"]


def test_poses_that_fail_a_check_come_last(target):
    found = handed_out(
        docked(target, [0.4, 0.0]), target, keep=9, apart_nm=0.1, checks=True, reference=None
    )
    assert [row["pb_valid"] for row in found.rows] == ["True", "False"]
    assert [row["energy_kcal_mol"] for row in found.rows] == ["1.000", "0.000"]


def test_references_are_found_by_name_or_are_the_only_one():
    crystal = read_ligand(LIGAND)
    plan = DockPlan((PROTEIN,), (Site(reference=LIGAND),))
    same = replace(crystal, name="mine", pose=None)
    only = Desk(plan, None, [], {crystal.name: crystal})
    np.testing.assert_array_equal(only.with_known_pose(same)[1], crystal.pose)
    ethanol, pose = only.with_known_pose(read_ligand("CCO"))
    assert pose is None
    assert "is another molecule" in ethanol.notes[0]
    moved = replace(crystal, name="moved", pose=crystal.pose + 1)
    both = Desk(plan, None, [], {"moved": moved, crystal.name: crystal})
    np.testing.assert_array_equal(both.with_known_pose(replace(same, name="moved"))[1], moved.pose)
    noted, pose = both.with_known_pose(same)
    assert (pose, noted.notes) == (None, ("no RMSD: there is no reference mine",))
    assert Desk(plan, None, [], {}).with_known_pose(same) == (same, None)
