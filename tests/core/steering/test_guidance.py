"""Guided samples have the law that Bayes' rule gives."""

import math

import pytest
import torch

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.manifolds import Euclidean, Symmetric
from molgen.core.processes import VE, VP
from molgen.core.solvers import SOLVERS
from molgen.core.steering.guidance import Guided, OfProbabilities

MEAN = torch.tensor([1.0, -0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.8, 0.3], [0.3, 0.5]], dtype=torch.float64)
MEASURE = torch.tensor([1.0, 2.0], dtype=torch.float64)
Y, R2 = 2.0, 0.4
"""y = MEASURE . x + noise of variance R2 was seen to be Y."""


class Gaussian:
    """N(MEAN, COVARIANCE) of one row, noised."""

    def __init__(self, process):
        self.processes = {"x": process}

    def _noised(self, t):
        process = self.processes["x"]
        m, s = process.signal(t)[:, None], process.noise(t)[:, None, None]
        return m, m[..., None] ** 2 * COVARIANCE + s**2 * torch.eye(2, dtype=torch.float64)

    def score(self, batch, t):
        m, v = self._noised(t)
        return {"x": -torch.linalg.solve(v, batch.state["x"][:, 0] - m * MEAN)[:, None]}

    def log_likelihood(self, batch, t):
        """log p(y | x_t), in closed form."""
        m, v = self._noised(t)
        gain = m[..., None] * torch.linalg.solve(v, COVARIANCE.expand_as(v)).mT
        mean = MEAN + (gain @ (batch.state["x"][:, 0] - m * MEAN)[..., None]).squeeze(-1)
        left = COVARIANCE - m[..., None] * gain @ COVARIANCE
        variance = MEASURE @ left @ MEASURE + R2
        return -0.5 * ((Y - mean @ MEASURE).square() / variance + variance.log())


@pytest.mark.parametrize("process", [VP(), VE(sigma_max=60.0)], ids=["VP", "VE"])
@pytest.mark.parametrize("solver", ["ancestral", "heun"])
def test_linear_measurements_of_a_gaussian_give_its_exact_posterior(process, solver):
    model, graphs = Gaussian(process), 2000
    guided = Guided(model, model.processes, [model.log_likelihood])
    generator = torch.Generator().manual_seed(0)
    batch = Batch(
        {"x": torch.zeros(graphs, 1, 2, dtype=torch.float64)}, {"x": DenseRows(graphs, (1,))}
    )
    batch = solvers.prior(model.processes, batch, generator)
    times = grids.karras(process, 60)
    batch = SOLVERS[solver](model.processes, guided.score, batch, times, generator)
    x = batch.state["x"][:, 0]
    gain = COVARIANCE @ MEASURE / (MEASURE @ COVARIANCE @ MEASURE + R2)
    mean = MEAN + gain * (Y - MEASURE @ MEAN)
    covariance = COVARIANCE - torch.outer(gain, MEASURE @ COVARIANCE)
    # five standard errors (the variances are below 0.8), and 0.02 of steps of finite length
    assert (x.mean(0) - mean).abs().max() < 5 * math.sqrt(0.8 / graphs) + 0.02
    assert (x.T.cov() - covariance).abs().max() < 5 * 0.8 * math.sqrt(2 / graphs) + 0.02


def test_an_exact_likelihood_of_categories_gives_their_exact_posterior(enumerated):
    likelihood = torch.rand(
        len(enumerated.weights), generator=torch.Generator().manual_seed(7), dtype=torch.float64
    ).square()

    def log_likelihood(batch, t):
        return (enumerated.posterior(batch, t) @ likelihood).log()

    guided = Guided(enumerated, enumerated.processes, [log_likelihood])
    exact = enumerated.weights * likelihood
    exact = exact / exact.sum()
    drawn = enumerated.drawn(guided.score, 2000, 40)
    assert enumerated.distance(drawn, exact) < 1.5 * enumerated.noise(exact, 2000) + 0.005
    assert 0.5 * (exact - enumerated.weights).abs().sum() > 0.2


def test_a_function_of_what_rows_were_is_exact_where_it_is_linear_in_one(enumerated):
    """p(y | types) = [.1, .3, 1] of the first row, however it depends on the others."""
    odds = torch.tensor([0.1, 0.3, 1.0], dtype=torch.float64)
    term = OfProbabilities(enumerated, lambda p, batch: (p["x"][:, 0] @ odds).log())
    guided = Guided(enumerated, enumerated.processes, [term])
    exact = enumerated.weights * odds[enumerated.configurations[:, 0]]
    exact = exact / exact.sum()
    drawn = enumerated.drawn(guided.score, 2000, 40)
    assert enumerated.distance(drawn, exact) < 1.5 * enumerated.noise(exact, 2000) + 0.005


def test_the_gradient_of_a_term_is_one_by_tangent_coordinates():
    """Of symmetric matrices an entry moves with its mirror: against central differences."""
    process = VP(manifold=Symmetric())
    rows, generator = DenseRows(2, (3, 3)), torch.Generator().manual_seed(0)
    x = process.manifold.noise(torch.zeros(2, 3, 3, dtype=torch.float64), rows, generator)

    class Nothing:
        def score(self, batch, t):
            return {"x": torch.zeros_like(batch.state["x"])}

    def term(batch, t):
        return (batch.state["x"].sin()[:, 0, 1] + batch.state["x"][:, 2, 1].exp()) * t

    batch, t = Batch({"x": x}, {"x": rows}), torch.tensor([0.5, 0.8], dtype=torch.float64)
    found = Guided(Nothing(), {"x": process}, [term, term], 1.5).score(batch, t)["x"]
    h = 1e-5
    for v in process.manifold.frame(x, rows):
        ahead, behind = (term(batch.replace(x=x + sign * h * v), t) for sign in (1, -1))
        slope = 1.5 * 2 * (ahead - behind) / (2 * h)
        torch.testing.assert_close(
            process.manifold.inner(found, v, rows), slope, rtol=1e-8, atol=1e-8
        )


def test_strength_zero_is_no_guidance(enumerated):
    guided = Guided(enumerated, enumerated.processes, [lambda b, t: b.state["x"].sum((1, 2))], 0.0)
    batch, t = enumerated.empty(3), torch.full((3,), 0.4, dtype=torch.float64)
    assert torch.equal(guided.score(batch, t)["x"], enumerated.score(batch, t)["x"])
    assert isinstance(enumerated.processes["x"].manifold, Euclidean)
