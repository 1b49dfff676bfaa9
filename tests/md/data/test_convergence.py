"""How many frames count for one, and what tells that they are too few: processes that are known."""

import numpy as np
import pytest

from molgen.md.data.convergence import basin_report, inefficiency


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_of_an_autoregressive_process(memory):
    """x' = a x + noise: g = (1 + a) / (1 - a)."""
    random = np.random.default_rng(4)
    x = random.standard_normal(200) / np.sqrt(1 - memory**2)
    kept = []
    for _ in range(2000):
        x = memory * x + random.standard_normal(200)
        kept.append(x)
    assert inefficiency(np.stack(kept)) == pytest.approx((1 + memory) / (1 - memory), rel=0.05)


def test_chains_that_never_move_are_one_frame_each():
    values = np.tile(np.array([0.0, 1.0, 1.0]), (50, 1))
    assert inefficiency(values) == pytest.approx(50, rel=0.05)


def test_effective_samples_of_independent_frames_are_their_number():
    rng = np.random.default_rng(0)
    groups, frames = 400, 1000
    first = rng.random((frames, groups)) < 0.2
    counts = np.stack([first, ~first], 2).astype(np.uint32)
    report = basin_report(counts, 1, ["a", "b"])
    entry = report["basins"]["a"]
    # the variance of 400 groups is known to sqrt(2/400) = 7 %: three sigma
    assert entry["effective_samples"] == pytest.approx(groups * frames, rel=0.22)
    assert entry["standard_error"] == pytest.approx((0.2 * 0.8 / groups / frames) ** 0.5, rel=0.11)
    assert abs(entry["population"] - 0.2) < 4 * entry["standard_error"]
    assert report["halves_z"] < 4
    assert report["drift_z"] < 4


def test_frames_that_are_all_the_same_25_times_count_once():
    rng = np.random.default_rng(0)
    some = (rng.random((40, 50)) < rng.random(50)).astype(np.uint32)[..., None]  # groups differ
    once, often = basin_report(some, 1, ["a"]), basin_report(25 * some, 25, ["a"])
    assert often["effective_samples"] == pytest.approx(once["effective_samples"])
    assert often["frames"] == 25 * once["frames"]
    assert often["basins"]["a"]["statistical_inefficiency"] == pytest.approx(
        25 * once["basins"]["a"]["statistical_inefficiency"]
    )


def moments(shares, frames=1000):
    """Of one basin, [moments, groups, 1]."""
    return np.rint(frames * np.array(shares)).astype(np.uint32)[..., None]


def test_halves_that_differ_show():
    shares = [0.1 + k / 1000 for k in range(10)] + [0.3 + k / 1000 for k in range(10)]
    assert basin_report(moments([shares] * 3), 1000, ["a"])["halves_z"] > 4


def test_groups_that_agree_and_all_drift_show():
    rng = np.random.default_rng(1)
    relaxing = 0.2 - 0.1 * np.exp(-np.arange(90) / 30)
    shares = relaxing[:, None] + 0.01 * rng.normal(size=(90, 16))
    report = basin_report(moments(shares), 1000, ["a"])
    entry = report["basins"]["a"]
    assert report["halves_z"] < 4
    assert report["drift_z"] > 10
    assert entry["first_third"] == pytest.approx(relaxing[:30].mean(), abs=0.002)
    assert entry["last_third"] == pytest.approx(relaxing[60:].mean(), abs=0.002)


def test_groups_that_all_change_alike_have_no_error_of_a_drift():
    counts = np.array([[[3], [1], [2], [1]], [[1], [2], [1], [3]], [[2], [0], [1], [0]]])
    assert basin_report(counts.astype(np.uint32), 3, ["a"])["drift_z"] is None


def test_one_moment_has_no_thirds():
    entry = basin_report(np.array([[[3], [7]]], dtype=np.uint32), 10, ["a"])["basins"]["a"]
    assert entry["population"] == pytest.approx(0.5)
    assert "last_third" not in entry


def test_one_group_has_no_error_bar():
    report = basin_report(np.array([[[3, 7]]], dtype=np.uint32), 10, ["a", "b"])
    assert report["effective_samples"] is None
    assert report["drift_z"] is None
    assert report["basins"]["b"] == {"population": 0.7}
