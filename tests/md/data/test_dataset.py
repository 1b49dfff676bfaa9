import numpy as np
import pytest

from molgen.errors import UsageError
from molgen.files import write_json
from molgen.md.data.dataset import FORMAT, META, FrameSet, part_path, write_part
from molgen.md.system import load_system

GROUPS, GROUP_SIZE, MOMENTS = 4, 3, 7


@pytest.fixture
def folder(tmp_path):
    """Three parts, the last one shorter; the x of frame k of chain c at moment m is 100 m + c."""
    chains = np.arange(GROUPS * GROUP_SIZE, dtype=np.int32)
    moments = [[1, 2, 3], [4, 5, 6], [7]]
    for number, part in enumerate(moments):
        x = np.concatenate([100 * m + chains for m in part]).astype(np.float32)
        positions = np.zeros((len(x), 2, 3), dtype=np.float32)
        positions[:, 0, 0], positions[:, 1, 0] = x, -x
        arrays = {
            "positions": positions,
            "energies": x.astype(np.float64),
            "chain": np.tile(chains, len(part)),
            "step": np.repeat(np.array(part, dtype=np.int64), len(chains)),
        }
        write_part(tmp_path, number, arrays)
    write_json(
        tmp_path / META,
        {
            "format": FORMAT,
            "groups": GROUPS,
            "group_size": GROUP_SIZE,
            "forces": False,
            "frames": MOMENTS * len(chains),
            "parts": 3,
            "atoms": load_system("mueller_brown").atoms.to_dict(),
        },
    )
    return tmp_path


def test_what_was_written_is_read_in_order(folder):
    frames = FrameSet.open(folder)
    expected = np.concatenate([100 * m + np.arange(12) for m in range(1, 8)])
    assert len(frames) == len(expected)
    assert np.array_equal(frames.positions()[:, 0, 0], expected)
    assert np.array_equal(frames.energies(), expected)
    assert np.array_equal(frames.step(), expected // 100)
    assert np.array_equal(frames.group(), expected % 100 // GROUP_SIZE)
    assert frames.atoms == load_system("mueller_brown").atoms


@pytest.mark.parametrize("stride", [1, 2, 5, 37, 50])
@pytest.mark.parametrize("limit", [None, 1, 9, 1000])
def test_stride_and_limit_cut_across_parts_as_in_one_array(folder, stride, limit):
    frames = FrameSet.open(folder)
    assert np.array_equal(frames.energies(stride, limit), frames.energies()[::stride][:limit])


def test_a_mapping_picks_atoms(folder):
    class Second:
        atoms = (1,)

    positions = FrameSet.open(folder).positions(Second())
    assert positions.shape == (84, 1, 3)
    assert (positions[:, 0, 0] < 0).all()


def test_halves_share_no_group_and_miss_no_frame(folder):
    frames = FrameSet.open(folder)
    first, second = frames.halves()
    assert set(first.group()) == {0, 1}
    assert set(second.group()) == {2, 3}
    assert len(first) + len(second) == len(frames)
    assert np.array_equal(
        np.sort(np.concatenate([first.energies(), second.energies()])), np.sort(frames.energies())
    )
    assert np.array_equal(first.energies(3), first.energies()[::3])


def test_frames_beyond_the_committed_parts_are_not_seen(folder):
    write_part(folder, 3, {"energies": np.array([np.nan])})
    assert len(FrameSet.open(folder).energies()) == 84


def test_damaged_and_missing_parts_are_named(folder):
    path = part_path(folder, 1)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UsageError, match=r"part-000001\.npz: is damaged"):
        FrameSet.open(folder).positions()
    path.unlink()
    with pytest.raises(UsageError, match=r"part-000001\.npz: is missing"):
        FrameSet.open(folder).positions()


def test_what_is_no_frame_folder_is_said_so(folder, tmp_path_factory):
    with pytest.raises(UsageError, match="no frames here"):
        FrameSet.open(tmp_path_factory.mktemp("empty"))
    with pytest.raises(UsageError, match="forces were not kept"):
        FrameSet.open(folder).forces()
    write_json(folder / META, {"format": 99})
    with pytest.raises(UsageError, match="frame format 99"):
        FrameSet.open(folder)
