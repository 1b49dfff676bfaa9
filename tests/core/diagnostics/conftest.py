"""Subjects whose score is known, and scores that differ from it by something known."""

import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.diagnostics.subject import Subject
from molgen.core.processes import VE


class ScoreOnly:
    """The score of a model that knows more, with something done to it."""

    def __init__(self, model, change=lambda score, batch, t: score):
        self.model, self.processes, self.change = model, model.processes, change

    def score(self, batch, t):
        return {
            name: self.change(score, batch, t) for name, score in self.model.score(batch, t).items()
        }


class Isotropic:
    """Gaussian data of one standard deviation in each of some directions, all in one row."""

    def __init__(self, stds, process=None):
        self.stds = torch.tensor(stds, dtype=torch.float64)
        self.process = process or VE(sigma_min=0.01, sigma_max=100.0)
        self.processes = {"x": self.process}

    def batch(self, x):
        return Batch({"x": x[:, None]}, {"x": DenseRows(len(x), (1,))})

    def data(self, count, seed=1234):
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, len(self.stds), generator=generator, dtype=torch.float64)
        return self.batch(self.stds * noise)

    def score(self, batch, t):
        m, s = self.process.signal(t), self.process.noise(t)
        variance = (m[:, None] * self.stds).square() + s.square()[:, None]
        return {"x": -batch.state["x"] / variance[:, None]}

    def subject(self, model=None, count=2000, **more):
        return Subject(model or self, self.processes, self.data(count), True, **more)


@pytest.fixture
def gaussian_data():
    """`gaussian_data(stds, process)`."""
    return Isotropic


@pytest.fixture
def score_only():
    """`score_only(model, change)`."""
    return ScoreOnly


@pytest.fixture
def subject_of():
    """`subject_of(case, graphs, model)` of a case of `tests/core/conftest.py`."""

    def make(case, graphs, model=None):
        clean = case.data(graphs, torch.Generator().manual_seed(7))
        return Subject(model or case.model, case.processes, clean, True)

    return make


@pytest.fixture
def turning():
    """`turning(rate)`: adds rate times x, turned by a right angle in the plane of its features."""

    def make(rate):
        def change(score, batch, t):
            x = batch.state["x"]
            return score + rate * torch.stack([-x[..., 1], x[..., 0]], -1)

        return change

    return make


@pytest.fixture
def quiet():
    """Told nothing."""
    return lambda done, total: None
