"""Steered conformers of a Gaussian: a reward's posterior is exact; faults keep what there is."""

import json

import numpy as np
import pytest
import torch

from molgen.cli.main import main
from molgen.core.batch import Batch
from molgen.core.random import Streams
from molgen.core.steering import SteeringError
from molgen.errors import UsageError
from molgen.md.models.batch import as_batch
from molgen.md.rewards import REWARDS, Modelled
from molgen.md.sample import sample
from molgen.parts import Parts
from molgen.steering import SteerPlan

SURFACE = "mueller_brown"
COMMON = {"steps": 30, "seed": 3}


def points(path):
    with np.load(path) as arrays:
        return torch.from_numpy(arrays[arrays.files[0]]).reshape(-1, 2).double()


def test_a_collective_variable_of_a_gaussian_gets_its_posterior(harmonic_checkpoint, tmp_path):
    """N(-.3, .36 (1 + .01)) times exp(-8 (x - 1)^2 / 2): both moments, and y as it was."""
    folder, output = harmonic_checkpoint(SURFACE), tmp_path / "s.npz"
    plan = SteerPlan.of(["cv=x~1:8"], "feynman-kac,every=3", 64, 32)
    sample(folder, count=960, output=output, steering=plan, batch_size=640, **COMMON)
    v = 0.36 * 1.01
    precision = 1 / v + 8
    mean, variance = (-0.3 / v + 8) / precision, 1 / precision
    x, y = points(output).T
    # half of the conformers count, as copies of one particle do not: four standard errors; .02 of
    # the standard deviation for 30 steps
    assert abs(x.mean() - mean) < (4 * (2 / 960) ** 0.5 + 0.02) * variance**0.5
    assert abs(x.var() / variance - 1) < 4 * 2 / 960**0.5 + 0.04
    assert abs(y.mean() - 0.8) < (4 * (2 / 960) ** 0.5 + 0.02) * v**0.5
    said = json.loads(output.with_suffix(".json").read_text())
    assert said["conformers"] == 960
    assert said["solver"] == "ancestral"
    steering = said["steering"]
    assert steering["by"] == ["cv=x~1:8"]
    assert steering["keep"] == 32
    exact = -0.5 * np.log(8 * v + 1) - 0.5 * 1.3**2 / (v + 1 / 8)
    error = steering["log_normaliser_error"]
    assert abs(steering["log_normaliser"] - exact) < 4 * error + 0.03
    assert 1 <= steering["effective_particles"]["fewest"] <= 64


def test_conformers_do_not_depend_on_how_many_are_drawn_at_a_time(harmonic_checkpoint, tmp_path):
    folder, plan = harmonic_checkpoint(SURFACE), SteerPlan.of(["basin=lower:2"], None, 8)
    for name, count, batch_size in (("a.npz", 9, 64), ("b.npz", 5, 10)):
        sample(
            folder,
            count=count,
            output=tmp_path / name,
            steering=plan,
            batch_size=batch_size,
            **COMMON,
        )
    torch.testing.assert_close(points(tmp_path / "a.npz")[:5], points(tmp_path / "b.npz"))


def test_an_interrupted_run_goes_on(harmonic_checkpoint, tmp_path, monkeypatch):
    folder, plan = harmonic_checkpoint(SURFACE), SteerPlan.of(["cv=x~1:4"], None, 8)
    options = {"count": 6, "steering": plan, "batch_size": 16, **COMMON}
    sample(folder, output=tmp_path / "whole.npz", **options)

    def stop(what, done, total):
        if done == 4:
            raise KeyboardInterrupt

    broken = tmp_path / "broken.npz"
    with pytest.raises(KeyboardInterrupt):
        sample(folder, output=broken, progress=stop, **options)
    assert not broken.is_file()
    made = []
    make = Parts.make
    monkeypatch.setattr(
        Parts, "make", lambda self, number: made.append(number) or make(self, number)
    )
    sample(folder, output=broken, **options)
    assert made == [2]
    assert torch.equal(points(broken), points(tmp_path / "whole.npz"))
    assert not broken.with_name("broken.npz.parts").exists()


def test_where_steering_fails_what_was_drawn_is_written(harmonic_checkpoint, tmp_path):
    """The fifth sample's reward is no number: four are there, and why there are no more."""

    def picky(batch, t):
        lost = torch.tensor(["4" in name for name in batch.ids])
        return torch.where(lost, torch.nan, torch.zeros_like(t))

    output = tmp_path / "s.npz"
    with pytest.raises(SteeringError, match=r"sample 4, step 5, t = .*; the 4 drawn before are in"):
        sample(
            harmonic_checkpoint(SURFACE),
            count=8,
            output=output,
            steering=SteerPlan.of([picky], None, 4),
            batch_size=8,
            **COMMON,
        )
    assert len(points(output)) == 4
    said = json.loads(output.with_suffix(".json").read_text())
    assert said["stopped"].startswith("sample 4, step 5, t = ")
    assert said["conformers"] == 4


def test_zero_effective_particles_are_one_line(harmonic_checkpoint, tmp_path, monkeypatch, capsys):
    def never(subject, value):
        return lambda batch, t: torch.full_like(t, -torch.inf)

    monkeypatch.setitem(REWARDS, "never", never)
    words = ["-m", str(harmonic_checkpoint(SURFACE)), "-n", "4", "--particles", "4"]
    code = main(["sample", "md", *words, "--steer", "never", "-o", str(tmp_path / "s.npz")])
    said = capsys.readouterr().err.strip()
    assert code == 1
    assert said.startswith("molgen: sample 0, step 5, t = ")
    assert "zero effective particles" in said
    assert "\n" not in said


def test_rewards_are_what_they_say(harmonic):
    """Against the collective variables, distances and energies that the system has."""
    model, statistics = harmonic("ala2")
    subject = Modelled(model, statistics)
    rows = as_batch(torch.zeros(6, 5, 3)).rows["pos"]
    y = Streams.of(0, 0, 6).normal(torch.zeros(6, 5, 3), rows)
    batch, t = as_batch(y - y.mean(1, keepdim=True)), torch.zeros(6)
    x = statistics.restore(batch.state["pos"])
    d = (x[:, 0] - x[:, 4]).norm(dim=1)

    def value(text):
        name, _, of = text.partition("=")
        return REWARDS[name](subject, of)(batch, t)

    torch.testing.assert_close(value("distance=0-4"), d)
    torch.testing.assert_close(value("distance=0-4~0.3"), -0.5 * (d - 0.3) ** 2)
    basins = torch.stack([value(f"basin={name}") for name in ("alpha_R", "C5", "PII", "alpha_L")])
    assert torch.equal(basins.sum(0), torch.ones(6))
    phi = torch.acos((value("cv=phi~0") + 1).clamp(-1, 1))
    beyond = value("cv=phi~90") + 1  # sin phi: which side
    inside = (phi.rad2deg() < 130) & (beyond > 0)
    assert torch.equal(value("basin=alpha_L").bool(), inside)
    at = torch.full((6,), model.processes["pos"].t_min)
    torch.testing.assert_close(value("rare"), model.energy(batch, at))
    surface = Modelled(*harmonic(SURFACE))
    place = Batch(
        {"pos": torch.zeros(1, 1, 2)}, {"pos": as_batch(torch.zeros(1, 1, 2)).rows["pos"]}
    )
    energy = REWARDS["energy"](surface, "")(place, torch.zeros(1))
    where = torch.tensor([[[-0.3, 0.8]]])
    expected = -surface.system.potential().energy(where) / surface.system.kT
    torch.testing.assert_close(energy, expected)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("cv=omega~3", "no collective variable of ala2 'omega'"),
        ("cv=phi", "give a variable and its value, such as cv=phi~60"),
        ("basin=beta", "no basin of ala2 'beta'"),
        ("distance=0-9", "two of the beads 0 to 4"),
        ("distance=near", "give two beads"),
        ("energy", "the energy of ala2 is of its 22 atoms"),
        ("rare=3", "rare=3: this reward takes no value"),
        ("restraints=none.csv", "none.csv: cannot be read"),
    ],
)
def test_what_a_reward_cannot_be_of_is_refused(asked, message, harmonic):
    name, _, value = asked.partition("=")
    with pytest.raises(UsageError) as error:
        REWARDS[name](Modelled(*harmonic("ala2")), value)
    assert message in str(error.value)


def test_it_is_either_log_q_or_steering(harmonic_checkpoint, tmp_path):
    words = ["sample", "md", "-m", str(harmonic_checkpoint(SURFACE)), "-o", str(tmp_path / "s.npz")]
    assert main([*words, "--likelihood", "--steer", "rare"]) == 2
