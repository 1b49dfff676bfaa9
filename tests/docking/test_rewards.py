"""Rewards of poses, against the scoring functions and by hand; poses that are steered by them."""

import json

import numpy as np
import pytest
import torch

from molgen import checkpoint
from molgen.chem.ligand import read_ligand
from molgen.chem.pocket import centre_of_ligand, cut_pocket
from molgen.chem.receptor import read_receptor
from molgen.chem.vina_ligand import vina_ligand
from molgen.chem.vina_receptor import receptor_types
from molgen.chem.vina_types import RADII_NM
from molgen.cli.main import main
from molgen.docking.data.system import as_batch, atom_positions
from molgen.docking.propose import Shapes
from molgen.docking.rewards import REWARDS, Modelled
from molgen.docking.search.exploring import Physics
from molgen.docking.task import restore
from molgen.errors import UsageError
from tests.docking.complexes import complexes

PROTEIN, LIGAND = map(str, complexes()["1uou"])


@pytest.fixture(scope="module")
def modelled(docking_checkpoint):
    model = restore(checkpoint.load(docking_checkpoint))
    ligand = read_ligand(LIGAND)
    pocket = cut_pocket(read_receptor(PROTEIN), centre_of_ligand(ligand), 1.0)
    physics = Physics.of(pocket, ligand, "vinardo", next(model.parameters()))
    return Modelled(model, pocket, ligand, physics.scoring)


@pytest.fixture(scope="module")
def poses(modelled):
    """Two conformers about the pocket's centre, and 5 nm away, where there is nothing."""
    shapes = Shapes.of(modelled.pocket, modelled.ligand, 2, 0)
    batch = as_batch(shapes.systems).take(torch.tensor([0, 1, 0]))
    trans = batch.state["trans"].clone()
    trans[2] += 5.0
    return batch.replace(trans=trans)


def test_vinardo_is_the_energy_between_ligand_and_pocket(modelled, poses):
    """But for the limit of 20 kcal/mol, which a clash comes near and does not pass."""
    energy = modelled.scoring.intermolecular(atom_positions(poses))
    found = REWARDS["vinardo"](modelled, "")(poses, torch.zeros(3))
    expected = torch.where(energy > 0, 20 * energy / (20 + energy), energy)
    torch.testing.assert_close(found, -expected)
    assert abs(found[2]) < 1e-6 < abs(found[0])
    assert found.min() > -20


def test_clashes_are_squares_of_overlaps(modelled, poses):
    """Against a loop over pairs, with the radii of Vinardo less .04 nm."""
    found = REWARDS["clash"](modelled, "")(poses, torch.zeros(3))
    x = atom_positions(poses).double().numpy()[0]
    places = modelled.pocket.receptor.coordinates - modelled.pocket.centre
    own = RADII_NM["vinardo"][vina_ligand(modelled.ligand.molecule).types]
    other = RADII_NM["vinardo"][receptor_types(modelled.pocket.receptor)]
    total = sum(
        max(0.0, own[i] + other[j] - 0.04 - np.linalg.norm(x[i] - places[j])) ** 2
        for i in range(len(x))
        for j in range(len(places))
    )
    assert found[0].item() == pytest.approx(-100 * total, rel=1e-4)
    assert found[0] < 0 == found[2]


def test_known_contacts_are_bounds_on_distances(modelled, poses, tmp_path):
    receptor = modelled.pocket.receptor
    place = f"{receptor.residue_ids[receptor.residues[7]]}, {receptor.atom_names[7]}"
    file = tmp_path / "known.csv"
    file.write_text(f"atom, residue, name, lower, upper, weight\n2, {place}, 0, 3.5, 4\n")
    found = REWARDS["contacts"](modelled, str(file))(poses, torch.zeros(3))
    x = atom_positions(poses)[:, 1].double()
    there = torch.from_numpy(receptor.coordinates[7] - modelled.pocket.centre)
    beyond = (10 * (x - there).norm(dim=1) - 3.5).clamp_min(0)
    torch.testing.assert_close(found.double(), -0.5 * 4 * beyond.square(), rtol=1e-4, atol=1e-4)
    for text, message in (
        (f"0, {place}, 0, 3.5, 4", "heavy atoms are 1 to"),
        ("1, A:9999, CA, 0, 3, 1", "no atom CA of A:9999"),
        (f"1, {place}, 0, x, 1", "line 2: give an atom's number"),
        (f"1, {place}, 4, 3, 1", "bounds in order"),
    ):
        file.write_text(f"atom, residue, name, lower, upper, weight\n{text}\n")
        with pytest.raises(UsageError, match=message):
            REWARDS["contacts"](modelled, str(file))


def test_gradients_reach_the_fragments(modelled, poses):
    for name in ("vinardo", "clash"):
        trans = poses.state["trans"].clone().requires_grad_()
        reward = REWARDS[name](modelled, "")(poses.replace(trans=trans), torch.zeros(3))
        (slope,) = torch.autograd.grad(reward.sum(), trans)
        assert slope[0].abs().max() > 0
        assert torch.isfinite(slope).all()


WORDS = ["--poses", "3", "--search", "0", "--steps", "4", "--no-checks", "--particles", "4"]


def _dock(output, docking_checkpoint, *more):
    words = ["dock", "-r", PROTEIN, "-l", LIGAND, "-p", LIGAND, "-m", str(docking_checkpoint)]
    return main([*words, *WORDS, *more, "-o", str(output)])


def test_poses_are_steered_and_the_json_says_by_what(docking_checkpoint, tmp_path):
    output = tmp_path / "poses.sdf"
    steer = ["--steer", "vinardo:2", "--steering", "feynman-kac,every=2"]
    assert _dock(output, docking_checkpoint, *steer) == 0
    said = json.loads(output.with_suffix(".json").read_text())
    assert said["settings"]["steering"]["by"] == ["vinardo:2"]
    assert said["steering"]["effective_particles"]["last"] <= 4
    assert said["steering"]["evaluations_a_sample"] == 16


@pytest.mark.parametrize(
    ("steer", "message"), [("vinard", "did you mean 'vinardo'"), ("qed", "no reward 'qed'")]
)
def test_rewards_of_others_are_refused(docking_checkpoint, tmp_path, capsys, steer, message):
    assert _dock(tmp_path / "poses.sdf", docking_checkpoint, "--steer", steer) == 2
    assert message in capsys.readouterr().err
