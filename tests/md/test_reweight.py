"""Free energies from draws of known density, against quadrature and closed forms."""

import json
import math

import numpy as np
import pytest
import torch

from molgen.cli.main import main
from molgen.errors import MolgenError, UsageError
from molgen.likelihood import LikelihoodTable
from molgen.md.ensembles import Sampled, Umbrella, reweighted
from molgen.md.mbar import mbar, restricted, umbrella
from molgen.md.reweight import energies, reweight
from molgen.md.system import load_system

WIDTH = 1.8  # of the Gaussian that the double well is drawn from


def proposals(count, seed):
    system = load_system("double_well_1d")
    generator = torch.Generator().manual_seed(seed)
    x = WIDTH * torch.randn(count, 1, 1, generator=generator).numpy()
    log_q = -0.5 * (x[:, 0, 0] / WIDTH) ** 2 - math.log(WIDTH * math.sqrt(2 * math.pi))
    return system, x, log_q.astype(np.float64)


def quadrature(system):
    """Points and their share of the Boltzmann distribution."""
    x = np.linspace(-5, 5, 4001)
    energy = energies(system, x[:, None, None].astype(np.float32))
    share = np.exp(-energy)
    return x, energy, share / share.sum()


def inside(found, exact, errors=4):
    """Whether a value is within so many standard errors of the exact one."""
    return abs(found["value"] - exact) < errors * found["standard_error"]


def test_a_double_well_from_gaussian_draws():
    system, x, log_q = proposals(4000, 0)
    sampled = Sampled(x, log_q, energies(system, x), len(x))
    held = [Umbrella("x", -1.5, 10.0), Umbrella("x", 0.0, 10.0), Umbrella("x", 1.5, 10.0)]
    answer = reweighted(system, sampled, bins=20, umbrellas=held)
    points, energy, share = quadrature(system)
    left = system.answers["left"]
    basin = answer.said["basins"]["left"]
    half = 0.5 * (basin["high"] - basin["low"])
    assert half < 0.03
    assert abs(basin["population"] - left) < 2 * half
    assert abs(basin["plain"] - left) > 0.1  # draws are symmetric
    assert inside(answer.said["basins"]["right"]["free_energy"], math.log(left / (1 - left)))
    # the partition function itself
    exact = -math.log(np.exp(-energy).sum() * (points[1] - points[0]))
    assert inside(answer.said["free_energy"], exact)
    weights = [np.exp(-5 * (points - one.centre) ** 2) @ share for one in held]
    for one, weight in zip(answer.said["umbrellas"], weights, strict=True):
        if one["centre"] > -1:
            assert inside(one["free_energy"], -math.log(weight / weights[0]))
    assert answer.weights.sum() == pytest.approx(1)
    # E[w^2] / E[w]^2 by quadrature
    q = np.exp(-0.5 * (points / WIDTH) ** 2) / (WIDTH * math.sqrt(2 * math.pi))
    inverse = (share**2 / (q * (points[1] - points[0]))).sum()
    assert answer.said["ess_share"] == pytest.approx(1 / inverse, rel=0.05)


@pytest.mark.parametrize("count", [12, 400])
def test_intervals_of_two_basins_complete_each_other(count):
    """Few draws: exp of an interval of the free energy would go beyond 1."""
    system, x, log_q = proposals(count, 3)
    answer = reweighted(system, Sampled(x, log_q, energies(system, x), len(x)), bins=4)
    left, right = (answer.said["basins"][name] for name in ("left", "right"))
    assert left["population"] == pytest.approx(1 - right["population"])
    assert left["low"] == pytest.approx(1 - right["high"])
    assert left["high"] == pytest.approx(1 - right["low"])
    assert 0 < left["low"] < left["population"] < left["high"] < 1


def test_one_basin_alone_has_all_of_the_population():
    system, x, log_q = proposals(400, 3)
    kept = system.basin_index(torch.from_numpy(x)).numpy() == 0
    answer = reweighted(
        system, Sampled(x[kept], log_q[kept], energies(system, x[kept]), int(kept.sum())), bins=4
    )
    (basin,) = answer.said["basins"].values()
    assert basin["population"] == pytest.approx(1)
    assert basin["low"] <= 1 + 1e-9
    assert basin["high"] <= 1 + 1e-9


def test_a_profile_is_that_of_the_potential():
    system, x, log_q = proposals(8000, 1)
    found = reweighted(system, Sampled(x, log_q, energies(system, x), len(x)), bins=14)
    profile = found.said["profiles"]["x"]
    points, _, share = quadrature(system)
    edges = np.linspace(*system.definition.limits["x"], 15)
    exact = -np.log(np.histogram(points, edges, weights=share)[0])
    value = np.array([np.nan if v is None else v for v in profile["free_energy"]])
    error = np.array([np.nan if v is None else v for v in profile["standard_error"]])
    lowest = int(np.nanargmin(value))
    away = np.abs(value - (exact - exact[lowest]))
    known = ~np.isnan(value) & (exact - exact.min() < 6)
    assert known.sum() >= 9
    assert (away[known] < 4 * error[known] + 1e-9).all()


def test_frames_of_the_system_make_it_surer():
    """2000 exact ones beside 2000 draws; the answer stays within its errors, which shrink."""
    system, x, log_q = proposals(2000, 2)
    points, _, share = quadrature(system)
    chosen = np.random.default_rng(0).choice(len(points), 2000, p=share)
    frames = points[chosen][:, None, None].astype(np.float32)
    more = -0.5 * (frames[:, 0, 0] / WIDTH) ** 2 - math.log(WIDTH * math.sqrt(2 * math.pi))
    both = np.concatenate([x, frames])
    alone = reweighted(system, Sampled(x, log_q, energies(system, x), 2000), bins=8)
    sampled = Sampled(both, np.concatenate([log_q, more]), energies(system, both), 2000)
    together = reweighted(system, sampled, bins=8)
    left = math.log(system.answers["left"] / (1 - system.answers["left"]))
    one, two = (a.said["basins"]["right"]["free_energy"] for a in (alone, together))
    assert inside(two, left)
    assert two["standard_error"] < 0.8 * one["standard_error"]


def test_mbar_of_two_harmonic_wells():
    """F of stiffness k is -1/2 log(2 pi / k), from samples of both."""
    generator = np.random.default_rng(0)
    k = [1.0, 4.0]
    x = np.concatenate([generator.normal(size=3000) / np.sqrt(stiff) for stiff in k])
    reduced = np.stack([0.5 * stiff * x**2 for stiff in k])
    found = mbar(reduced, [3000, 3000])
    value, error = found.between(0, 1)
    assert abs(value - 0.5 * math.log(4)) < 4 * error < 0.1
    assert found.weights.sum(1) == pytest.approx([1, 1])


def test_umbrellas_know_of_periods_and_restrictions_of_their_inside():
    values = np.array([3.0, -3.0, 0.0])
    held = umbrella(np.zeros(3), values, math.pi, 2.0, 2 * math.pi)
    assert held[:2] == pytest.approx([(math.pi - 3) ** 2] * 2)
    assert np.exp(-restricted(np.zeros(3), values > 0)).tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(MolgenError, match="must all be finite"):
        mbar(np.array([[0.0, math.nan]]), [2])


def test_the_command_writes_samples_and_free_energies(tmp_path, capsys):
    output = tmp_path / "r.npz"
    words = ["reweight", "mueller_brown", "-n", "60", "--steps", "8", "--batch-size", "40"]
    assert main([*words, "--umbrella", "x=0.6:10", "-o", str(output)]) == 0
    said = json.loads((tmp_path / "r.json").read_text())
    assert said["ess_share"] > 0.9  # 0.997 of many
    assert set(said["basins"]) <= {"upper", "middle", "lower"}
    arrays = dict(np.load(output))
    system = load_system("mueller_brown")
    x = torch.from_numpy(arrays["positions"]).double()
    energy = system.potential(torch.float64).energy(x).numpy() / system.kT
    assert arrays["energy_kT"] == pytest.approx(energy)
    weights = np.exp(-arrays["energy_kT"] - arrays["log_q"])
    assert arrays["weights"] == pytest.approx(weights / weights.sum())
    assert arrays["map"].shape == (40, 40)
    assert "effective samples" in capsys.readouterr().err


def test_what_cannot_be_reweighted_is_said(harmonic_checkpoint, tmp_path, capsys):
    with pytest.raises(UsageError, match=r'of its 22 atoms.* 5 beads.*mapping = "all"'):
        reweight(harmonic_checkpoint(), count=2, output=tmp_path / "a.npz")
    folder = harmonic_checkpoint("mueller_brown")
    with pytest.raises(UsageError, match=r"written as \.npz"):
        reweight(folder, count=2, output=tmp_path / "a.csv")
    wrong = [Umbrella("z", 0.0, 1.0)]
    with pytest.raises(UsageError, match=r"no variable 'z' \(x, y\)"):
        reweight(folder, count=2, output=tmp_path / "a.npz", umbrellas=wrong)
    words = ["reweight", str(folder), "-o", str(tmp_path / "a.npz"), "--umbrella", "x=1"]
    assert main(words) == 2
    assert "NAME=CENTRE:STIFFNESS" in capsys.readouterr().err


def test_a_poor_model_is_told_by_its_weights(harmonic_checkpoint, tmp_path):
    """A Gaussian about three wells of many kT: almost every draw is of no use."""
    table = LikelihoodTable(steps=2)
    folder = harmonic_checkpoint("mueller_brown")
    done = reweight(folder, count=300, output=tmp_path / "r.npz", table=table)
    assert done.said["ess_share"] < 0.3
