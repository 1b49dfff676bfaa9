import numpy as np
import pytest

from molgen.errors import UsageError
from molgen.files import write_json
from molgen.md.data.convergence import basin_report
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


def test_effective_samples_of_independent_frames_are_their_number():
    rng = np.random.default_rng(0)
    groups, frames = 400, 1000
    first = rng.random((frames, groups)) < 0.2
    counts = np.stack([first, ~first], 2).astype(np.uint16)
    report = basin_report(counts, 1, ["a", "b"])
    entry = report["basins"]["a"]
    # the variance of 400 groups is known to sqrt(2/400) = 7 %: three sigma
    assert entry["effective_samples"] == pytest.approx(groups * frames, rel=0.22)
    assert entry["standard_error"] == pytest.approx((0.2 * 0.8 / groups / frames) ** 0.5, rel=0.11)
    assert abs(entry["population"] - 0.2) < 4 * entry["standard_error"]
    assert report["halves_z"] < 4
    assert report["drift_z"] < 4

    repeated = basin_report(25 * counts, 25, ["a", "b"])
    assert repeated["basins"]["a"]["statistical_inefficiency"] == pytest.approx(
        25 * entry["statistical_inefficiency"], rel=0.1
    )


def moments(shares, frames=1000):
    """Of one basin, [moments, groups, 1]."""
    return np.rint(frames * np.array(shares)).astype(np.uint16)[..., None]


def test_halves_that_differ_show():
    report = basin_report(
        moments([[0.1 + k / 1000 for k in range(10)] + [0.3 + k / 1000 for k in range(10)]] * 3),
        1000,
        ["a"],
    )
    assert report["halves_z"] > 4
    assert report["drift_z"] is None  # no group changes


def test_groups_that_agree_and_all_drift_show():
    rng = np.random.default_rng(1)
    relaxing = 0.2 - 0.1 * np.exp(-np.arange(90) / 30)
    report = basin_report(moments(relaxing[:, None] + 0.01 * rng.normal(size=(90, 16))), 1000, "a")
    entry = report["basins"]["a"]
    assert report["halves_z"] < 4
    assert report["drift_z"] > 10
    assert entry["first_third"] == pytest.approx(relaxing[:30].mean(), abs=0.002)
    assert entry["last_third"] == pytest.approx(relaxing[60:].mean(), abs=0.002)


def test_one_group_has_no_error_bar():
    report = basin_report(np.array([[[3, 7]]], dtype=np.uint16), 10, ["a", "b"])
    assert report["effective_samples"] is None
    assert report["drift_z"] is None
    assert report["basins"]["b"] == {"population": 0.7}
