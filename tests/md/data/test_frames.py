"""Frames that cannot be used are named before anything is trained. What can be: `test_packing`."""

import numpy as np
import pytest

from molgen.cli.main import main
from molgen.errors import UsageError
from molgen.files import write_json
from molgen.md.data.dataset import FORMAT, META, write_part
from molgen.md.data.frames import load_frames, load_grouped
from molgen.md.output import write_trajectory
from molgen.md.system import load_system


@pytest.fixture
def folder(tmp_path, ala2):
    """`folder(system, positions)`: frames of four groups of two chains, frame by frame in turn."""

    def make(system, positions):
        n = len(positions)
        arrays = {
            "positions": positions.astype(np.float32),
            "energies": np.zeros(n),
            "chain": np.arange(n, dtype=np.int32) % 8,
            "step": np.arange(n, dtype=np.int64) // 8,
        }
        path = tmp_path / f"frames_{system.name}"
        path.mkdir()
        write_part(path, 0, arrays)
        counts = {"groups": 4, "group_size": 2, "frames": n, "parts": 1}
        facts = {"atoms": system.atoms.to_dict(), "temperature_K": system.temperature_K}
        write_json(path / META, {"format": FORMAT, "forces": False, **facts, **counts})
        return path

    return make


def test_halves_of_generated_frames_are_disjoint_groups_and_keep_the_beads(folder, ala2):
    x = np.random.default_rng(0).normal(size=(64, 22, 3))
    mapping = ala2.mapping("backbone5")
    path = folder(ala2, x)
    found = [load_grouped(path, part, ala2, mapping) for part in ("train", "reference")]
    assert [set(half.groups) for half in found] == [{0, 1}, {2, 3}]
    for half, chains in zip(found, (range(4), range(4, 8)), strict=True):
        own = np.isin(np.arange(64) % 8, list(chains))
        assert np.array_equal(half.values, x[own][:, mapping.atoms].astype(np.float32))
    assert len(load_frames(path, "train", ala2, mapping, limit=5)) == 5


def test_a_frame_that_is_not_finite_is_named_before_training(folder, tmp_path, capsys):
    x = np.random.default_rng(0).normal(size=(80, 1, 2))
    x[8 * 6 + 1] = np.nan  # of group 0: the 26th of the training half
    path = folder(load_system("double_well_2d"), x)
    (tmp_path / "well.toml").write_text(
        f"""
        task = "md"
        name = "well"
        data = {{ system = "double_well_2d", frames = "{path}", held_out = 5 }}
        process.pos.kind = "VE"
        model.kind = "coordinates"
        loss = [{{ kind = "denoising" }}]
        train = {{ steps = 5, batch_size = 4 }}
        """
    )
    assert main(["train", str(tmp_path / "well.toml"), "-o", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "training frames of double_well_2d: frame 25 is not finite (1 of 40" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_frames_of_another_molecule_are_refused(folder, ala2):
    well = load_system("double_well_2d")
    path = folder(well, np.zeros((16, 1, 2)))
    with pytest.raises(UsageError, match="1 atoms, ala2 has 22"):
        load_frames(path, "train", ala2, ala2.mapping("backbone5"))


def test_a_trajectory_of_other_beads_is_refused(tmp_path, ala2):
    six = ala2.mapping("six")
    path = tmp_path / "six.pdb"
    write_trajectory(path, np.zeros((4, 6, 3), dtype=np.float32), six)
    with pytest.raises(UsageError, match=r"six.pdb"):
        load_frames(path, "train", ala2, ala2.mapping("backbone5"))


def test_data_that_are_not_there_are_named(tmp_path, ala2):
    with pytest.raises(UsageError, match=r"no data set named 'ala2_backbone'.*'ala2_backbone5'"):
        load_frames("ala2_backbone", "train", ala2, ala2.atoms)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"train.npz: no such file"):
        load_frames(tmp_path / "empty", "train", ala2, ala2.atoms)
