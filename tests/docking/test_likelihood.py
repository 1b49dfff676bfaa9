"""Log q of poses: of their own fragments, whatever way the complex lies, told with each."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from molgen import checkpoint as checkpoints
from molgen.chem.examples import example_complex
from molgen.chem.ligand import read_ligand
from molgen.chem.receptor import read_receptor
from molgen.core.manifolds import so3
from molgen.docking.data.prepare import known_pocket
from molgen.docking.data.system import atom_positions
from molgen.docking.likelihood import in_fragments, scores_of
from molgen.docking.run import dock
from molgen.docking.task import restore
from molgen.likelihood import LikelihoodTable, likelihood

SHORT = LikelihoodTable(steps=2, probes=2)


@pytest.fixture(scope="module")
def complex_():
    protein, file = example_complex("1s3v")
    ligand = read_ligand(file)
    return known_pocket(read_receptor(protein), ligand), ligand


def test_a_pose_in_fragments_is_the_pose(complex_):
    pocket, ligand = complex_
    poses = np.stack([ligand.pose, ligand.pose + 0.05])
    batch = in_fragments(pocket, ligand, poses, 0)
    found = atom_positions(batch).double().numpy() + pocket.centre
    assert np.abs(found - poses).max() < 1e-6  # of float32
    assert batch.state["trans"].shape[1] > 1


def test_turning_the_complex_leaves_log_q(complex_, docking_checkpoint):
    """The whole complex in another orientation; probes turn with it only if there are all."""
    pocket, ligand = complex_
    model = restore(checkpoints.load(docking_checkpoint)).double()
    turn = so3.exp(torch.tensor([0.3, -1.1, 0.5], dtype=torch.float64))
    batch = in_fragments(pocket, ligand, ligand.pose[None], 0).to("cpu", torch.float64)
    turned = replace(
        batch.replace(trans=batch.state["trans"] @ turn.T, rot=turn @ batch.state["rot"]),
        given={**batch.given, "pocket": batch.given["pocket"] @ turn.T},
    )
    table = LikelihoodTable(steps=1, probes=0)
    log_q = [scores_of(model, one, table)["log_q"] for one in (batch, turned)]
    assert abs(log_q[0] - log_q[1]).max() < 1e-4  # weights and tables are of float32
    other = scores_of(model, batch.replace(trans=batch.state["trans"] + 0.2), table)["log_q"]
    assert abs(log_q[0] - other).max() > 1e-2


def test_docked_poses_come_with_their_log_q(docking_checkpoint, tmp_path):
    protein, file = example_complex("1s3v")
    done = dock(
        protein,
        file,
        output=tmp_path / "poses.sdf",
        pocket=file,
        model=docking_checkpoint,
        poses=2,
        search=0,
        keep=2,
        confidence="",
        checks=False,
        likelihood=SHORT,
    )
    with open(tmp_path / "poses.csv") as table:
        rows = list(csv.DictReader(table))
    assert [row["log_q"] for row in rows] == [row["log_q"] for row in done.rows]
    assert all(np.isfinite(float(row["log_q"])) for row in rows)
    assert all(float(row["standard_error"]) > 0 for row in rows)
    assert "<log_q>" in (tmp_path / "poses.sdf").read_text()
    # the file scored again, by other probes: within their errors
    again = likelihood(
        docking_checkpoint,
        tmp_path / "poses.sdf",
        output=tmp_path / "again.csv",
        steps=2,
        probes=8,
        receptor=protein,
        ligand=file,
    )
    with open(again) as table:
        found = list(csv.DictReader(table))
    for one, two in zip(rows, found, strict=True):
        apart = abs(float(one["log_q"]) - float(two["log_q"]))
        assert apart < 8 * (float(one["standard_error"]) + float(two["standard_error"]))
