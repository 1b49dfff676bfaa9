"""Free energies of basins and profiles: known populations, coverage of the intervals."""

import json
import math

import numpy as np
import pytest
import torch

from molgen.errors import UsageError
from molgen.md.evaluation.certificate import certify
from molgen.md.evaluation.comparison import compare, compare_basins
from molgen.md.evaluation.ensemble import Ensemble
from molgen.md.evaluation.free_energy import Interval, basin_counts, log_ratio, populations, profile
from molgen.md.evaluation.metrics import RAMACHANDRAN, Plane
from molgen.md.system.collective import Basin

LEFT_RIGHT = (Basin("left", {"x": (-9.0, 0.0)}), Basin("right", {"x": (0.0, 9.0)}))
LINE = Plane(("x",), ((-3.0, 3.0),))


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


def test_free_energy_difference_of_known_populations_is_covered_95_times_in_100(generator):
    rng = np.random.default_rng(0)
    truth = -math.log(0.2 / 0.8)
    inside = 0
    for _ in range(100):
        right = rng.binomial(2000, 0.2)
        found = log_ratio(np.array([2000 - right, right]), 1, 0, repeats=200, generator=generator)
        inside += found.low <= truth <= found.high
    assert 90 <= inside <= 99  # binomial(100, 0.95): 95 +- 2.2


def test_interval_by_chain_is_covered_95_times_in_100_and_by_frame_far_less(generator):
    # 20 chains that never leave the basin they start in: 1000 frames each tell no more than one
    rng = np.random.default_rng(1)
    truth, by_chain, by_frame = -math.log(0.4 / 0.6), 0, 0
    for _ in range(100):
        share = rng.beta(4, 6, size=20)  # mean 0.4; every chain has its own share
        right = rng.binomial(1000, share)
        counts = np.stack([1000 - right, right], axis=1)
        found = log_ratio(counts, 1, 0, repeats=200, generator=generator)
        blind = log_ratio(counts.sum(0), 1, 0, repeats=200, generator=generator)
        by_chain += found.low <= truth <= found.high
        by_frame += blind.low <= truth <= blind.high
    assert 88 <= by_chain <= 99
    assert by_frame < 40


def test_basin_never_visited_has_no_free_energy(generator):
    assert log_ratio(np.array([10, 0]), 1, 0, generator=generator) == Interval(None, None, None)


def test_populations_are_shares_with_binomial_intervals(generator):
    left, right = populations(np.array([900, 100]), repeats=2000, generator=generator)
    assert left.value == 0.9
    half = 1.96 * math.sqrt(0.09 / 1000)
    assert right.low == pytest.approx(0.1 - half, abs=0.003)
    assert right.high == pytest.approx(0.1 + half, abs=0.003)


def test_basin_boxes_wrap_through_pi():
    basins = (Basin("beta", {"psi": (2.0, -2.0)}), Basin("rest", {"psi": (-2.0, 2.0)}))
    points = np.array([[0.0, 3.0], [0.0, -3.0], [0.0, 0.5], [0.0, 2.0]])
    assert basin_counts(points, ("phi", "psi"), basins).tolist() == [3, 1, 0]
    by_chain = basin_counts(points, ("phi", "psi"), basins, np.array([0, 1, 1, 0]))
    assert by_chain.tolist() == [[2, 0, 0], [1, 1, 0]]


def test_profile_of_a_gaussian_is_its_parabola_inside_the_band(generator):
    rng = np.random.default_rng(2)
    found = profile(rng.normal(size=100_000), (-3, 3), bins=30, generator=generator)
    # bin average of exp(-x^2/2), width 0.2, exactly
    edges = np.linspace(-3, 3, 31)
    mass = np.diff([0.5 * math.erf(x / math.sqrt(2)) for x in edges])
    truth = -np.log(mass / mass.max())
    middle = np.abs(found.centres) < 2.5
    # the zero is the fullest bin's own noise, 0.011 kT: allow it twice
    assert ((found.low - 0.02 <= truth) & (truth <= found.high + 0.02))[middle].mean() > 0.9
    assert found.free_energy[middle] == pytest.approx(truth[middle], abs=0.12)


def test_profile_is_blank_where_nothing_was_seen(generator):
    found = profile(np.array([0.1, 0.1, 0.9]), (0, 1), bins=10, generator=generator)
    assert np.isfinite(found.free_energy).sum() == 2
    assert found.to_dict()["free_energy"].count(None) == 8
    with pytest.raises(UsageError, match=r"no frame lies within 5\.\.6"):
        profile(np.array([0.1]), (5, 6), generator=generator)


def test_basin_error_is_the_shift_of_the_free_energy(generator):
    rng = np.random.default_rng(3)
    a = np.where(rng.random(50_000) < 0.3, 1.0, -1.0)[:, None]
    b = np.where(rng.random(50_000) < 0.4, 1.0, -1.0)[:, None]
    found = compare_basins(Ensemble(a), Ensemble(b), LINE, LEFT_RIGHT, 2.5, generator=generator)
    truth = 2.5 * (math.log(0.7 / 0.3) - math.log(0.6 / 0.4))
    error = found["differences"][0]["error"]
    assert error["low"] < truth < error["high"]
    assert error["high"] - error["low"] < 0.3


def test_certificate_passes_one_distribution_and_sizes_a_gap(generator):
    rng = np.random.default_rng(4)

    def double_well(n, right):
        return np.where(rng.random(n) < right, 1.5, -1.5)[:, None] + 0.3 * rng.normal(size=(n, 1))

    iid = Ensemble(double_well(20_000, 0.3))
    chains = np.repeat(np.arange(40), 500)
    same, other = (Ensemble(double_well(20_000, r), chains) for r in (0.3, 0.4))
    good = certify(iid, same, LINE, 2.5, basins=LEFT_RIGHT, generator=generator)
    assert good.consistent
    assert good.verdict.startswith("Consistent within noise: at 20,000 samples")
    bad = certify(iid, other, LINE, 2.5, basins=LEFT_RIGHT, generator=generator)
    truth = 2.5 * (math.log(0.6 / 0.4) - math.log(0.7 / 0.3))
    assert not bad.consistent
    assert bad.verdict.startswith("They differ: PMF gap")
    assert "right off by" in bad.verdict
    assert bad.basins[0].gap.low < truth < bad.basins[0].gap.high
    assert bad.to_dict()["basins"][0]["gap"]["value"] == bad.basins[0].gap.value


def test_compare_gives_json_and_refuses_other_bonds(generator):
    rng = np.random.default_rng(5)
    a, b = (
        Ensemble(rng.uniform(-3, 3, (800, 2)), distances={"bond": rng.normal(0.15, 0.003, 800)})
        for _ in range(2)
    )
    found = compare(a, b, RAMACHANDRAN, 2.5, generator=generator)
    assert json.loads(json.dumps(found, allow_nan=False)) is not None
    assert found["distances"]["bond"]["w1"]["value"] < 5e-4
    assert found["metrics"]["js"]["n"] == 800
    with pytest.raises(UsageError, match="only one of the two sets has distance 'bond'"):
        compare(a, Ensemble(b.points), RAMACHANDRAN, 2.5, generator=generator)
