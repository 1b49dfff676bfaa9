"""Restraints on distances, against closed forms."""

import math

import pytest
import torch

from molgen.core import grids
from molgen.core.batch import Batch, DenseRows
from molgen.core.manifolds import Centred
from molgen.core.processes import VP
from molgen.core.random import Streams
from molgen.core.solvers import SOLVERS
from molgen.core.steering import Draw
from molgen.core.steering.ensemble import Ensemble
from molgen.core.steering.feynman_kac import FeynmanKac
from molgen.core.steering.restraints import Restraints
from molgen.errors import UsageError


def test_flat_bottoms_are_parabolas_beyond_their_bounds():
    restraints = Restraints.of([(0, 1, 1.0, 2.0, 4.0), (0, 2, 0.0, math.inf, 1.0)])
    x = torch.zeros(4, 3, 3, dtype=torch.float64)
    x[:, 1, 0] = torch.tensor([0.5, 1.0, 1.7, 3.0])
    found = restraints.log_likelihood(x)
    torch.testing.assert_close(found, torch.tensor([-0.5, 0, 0, -2.0], dtype=torch.float64))
    at_one_point = torch.zeros(1, 3, 3, dtype=torch.float64, requires_grad=True)
    restraints.log_likelihood(at_one_point).sum().backward()
    assert torch.isfinite(at_one_point.grad).all()


class Apart:
    """Two beads on a line, without their centre: x = (-d/2, d/2), d ~ N(6, 2 VARIANCE)."""

    MEAN, VARIANCE = 6.0, 0.5

    def __init__(self):
        self.processes = {"pos": VP(manifold=Centred(), data_std=3.0)}

    def score(self, batch, t):
        process, x = self.processes["pos"], batch.state["pos"]
        m, s = process.signal(t)[:, None, None], process.noise(t)[:, None, None]
        half = torch.tensor([[-0.5], [0.5]], dtype=torch.float64) * self.MEAN
        score = (m * half - x) / (m.square() * self.VARIANCE + s.square())
        return {"pos": process.manifold.project(score, batch.rows["pos"])}


@pytest.mark.parametrize("how", [FeynmanKac(64, every=10), Ensemble(64, every=10)], ids=type)
def test_a_measured_distance_of_a_gaussian_gives_its_posterior(how):
    """lower = upper = 7.5 with weight 2: d ~ N(6, 1) becomes N((6 + 15) / 3, 1 / 3)."""
    model, samples = Apart(), 40
    x = torch.zeros(samples, 2, 1, dtype=torch.float64)
    reward = Restraints.of([(0, 1, 7.5, 7.5, 2.0)]).reward(lambda batch: batch.state["pos"])
    draw = Draw(
        model,
        model.processes,
        Batch({"pos": x}, {"pos": DenseRows(samples, (2,))}),
        grids.karras(model.processes["pos"], 100),
        "ancestral",
        SOLVERS["ancestral"],
        reward,
        Streams.of(0, 0, samples),
    )
    steered = how(draw)
    d = (steered.batch.state["pos"][:, 1] - steered.batch.state["pos"][:, 0]).reshape(samples, 64)
    w = steered.log_weights.exp() / samples
    mean = (w * d).sum()
    variance = (w * (d - mean).square()).sum()
    # a quarter of 2560 particles count at least: four standard errors, and .02 for 100 steps
    assert abs(mean - 7.0) < 4 * (1 / 3 / 640) ** 0.5 + 0.02
    assert abs(3 * variance - 1) < 4 * (2 / 640) ** 0.5 + 0.04
    # E exp(-(d - 7.5)^2) of N(6, 1)
    z = (steered.log_normaliser - 0.5 * math.log(1 / 3) + 0.5 * 1.5**2 / 1.5).exp()
    assert abs(z.mean() - 1) < 0.05 + 4 * z.std() / samples**0.5


def test_files_are_read_and_what_is_wrong_is_named(tmp_path):
    file = tmp_path / "noe.csv"
    file.write_text("i, j, lower, upper, weight\n0, 4, 0.2, 0.5, 100\n1,2,0.1,inf,50\n")
    found = Restraints.read(file)
    assert found.pairs.tolist() == [[0, 4], [1, 2]]
    assert found.upper.tolist() == [0.5, math.inf]
    with pytest.raises(UsageError, match="atom 4, where atoms are 0 to 3"):
        found.require_atoms(4)
    for text, message in (
        ("i,j,lower,upper\n", "the columns must be i, j, lower, upper, weight"),
        ("i,j,lower,upper,weight\n0,x,1,2,3\n", "noe.csv line 2: give two numbers of atoms"),
        ("i,j,lower,upper,weight\n0,1,2,1,3\n", "restraint 0 of atoms 0 and 1: 2 to 1 nm"),
        ("i,j,lower,upper,weight\n", "there is nothing below the names"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=message):
            Restraints.read(file)
    with pytest.raises(UsageError, match="cannot be read"):
        Restraints.read(tmp_path / "none.csv")
