"""Packed frames: what is lost, what is refused, and that the halves never meet."""

import numpy as np
import pytest
import torch

from molgen.errors import UsageError
from molgen.files import read_json
from molgen.md.data.dataset import FrameSet
from molgen.md.data.frames import load_frames, load_grouped, load_points
from molgen.md.data.generate import generate
from molgen.md.data.generate_options import generate_options
from molgen.md.data.packing import pack, pack_folder, unpack
from molgen.md.evaluation.ensemble import evenly
from molgen.md.output import write_trajectory
from molgen.md.system import load_system


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    system = load_system("double_well_2d")
    folder = tmp_path_factory.mktemp("frames") / "made"
    generate(system, folder, generate_options(system, frames=4000, groups=4, burn_in_ps=1.0))
    return system, folder


def test_packing_loses_half_a_step_and_no_more(tmp_path):
    x = np.random.default_rng(0).normal(size=(500, 3, 3)).astype(np.float32)
    groups = np.repeat(np.arange(5), 100)
    pack(tmp_path / "a.npz", x, ["1:A", "1:B", "1:C"], groups)
    found = unpack(tmp_path / "a.npz", ["1:A", "1:B", "1:C"])
    step = np.abs(x).max() / 32767
    assert np.abs(found.values - x).max() <= 0.51 * step  # float32 adds 2e-7 to a step of 1e-4
    assert (found.groups == groups).all()


def test_packed_frames_of_other_beads_are_refused(tmp_path):
    pack(tmp_path / "a.npz", np.ones((2, 1, 3)), ["1:CA"])
    with pytest.raises(UsageError, match="holds 1:CA, not 1:CB"):
        unpack(tmp_path / "a.npz", ["1:CB"])
    (tmp_path / "b.npz").write_bytes(b"not a file of arrays")
    with pytest.raises(UsageError, match=r"b.npz: is damaged"):
        unpack(tmp_path / "b.npz", ["1:CA"])


def test_a_folder_and_its_packed_form_give_the_same_frames(generated, tmp_path):
    system, folder = generated
    table = pack_folder(FrameSet.open(folder), tmp_path, system, system.atoms, 600)
    assert "| reference | 2,000 | 600 | 2 |" in table
    for part in ("train", "reference"):
        made = load_grouped(folder, part, system, system.atoms)
        packed = load_grouped(tmp_path, part, system, system.atoms)
        chosen = evenly(len(made.values), 600)
        assert packed.values == pytest.approx(made.values[chosen], abs=1e-4)  # 3 nm in 32767 steps
        assert (packed.groups == made.groups[chosen]).all()
    points, reference = load_points(tmp_path, system), load_grouped(folder, *_rest(system))
    assert points.values == pytest.approx(reference.values[:, 0], abs=1e-4)
    assert load_points(folder, system) is None
    facts = read_json(tmp_path / "provenance.json")
    assert facts["counts"]["train"] == {"frames": 2000, "packed": 600, "groups": 2}
    assert facts["options"]["seed"] == 0


def test_training_and_reference_frames_are_of_different_groups(generated):
    system, folder = generated
    train, reference = (
        load_grouped(folder, part, system, system.atoms) for part in ("train", "reference")
    )
    assert set(train.groups) == {0, 1}
    assert set(reference.groups) == {2, 3}
    assert len(load_frames(folder, "train", system, system.atoms, 100)) == 100


def test_the_halves_of_a_users_trajectory_are_disjoint(tmp_path):
    system = load_system("ala2")
    x = system.start.float() + torch.linspace(0, 1, 7)[:, None, None]
    write_trajectory(tmp_path / "mine.pdb", x.numpy(), system.atoms)
    path = tmp_path / "mine.pdb"
    parts = [load_frames(path, part, system, system.atoms) for part in ("train", "reference")]
    assert [len(part) for part in parts] == [3, 4]
    assert torch.cat(parts) == pytest.approx(x, abs=6e-5)  # PDB: a thousandth of an Angstrom


def _rest(system):
    return "reference", system, system.atoms
