import itertools
import math

import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import fokker_planck
from molgen.core.models import EnergyModel
from molgen.errors import MolgenError


class Perturbed(EnergyModel):
    """A known energy with something added that is no solution."""

    def __init__(self, exact: EnergyModel, size: float) -> None:
        super().__init__(exact.processes)
        self.exact, self.size = exact, size

    def energy(self, batch, t):
        extra = torch.zeros_like(t)
        for name, x in batch.state.items():
            extra = extra + batch.rows[name].total(torch.sin(x)).reshape(len(t), -1).sum(1)
        return self.exact.energy(batch, t) + self.size * t * torch.sin(extra)


def largest(case, batch, t):
    with torch.no_grad():
        return fokker_planck.residual(case.model, batch, t).abs().max().item()


def test_residual_vanishes_for_a_diffused_gaussian(gaussian, generator):
    batch, t = gaussian.noised(20, generator)
    assert largest(gaussian, batch, t) < 1e-8


def test_residual_vanishes_for_a_diffused_mixture(mixture, generator):
    batch, t = mixture.noised(20, generator)
    assert largest(mixture, batch, t) < 1e-8


def test_residual_vanishes_far_from_the_data(mixture, generator):
    """An identity in x, so it holds at any point, not only where the density is large."""
    batch, t = mixture.noised(10, generator, low=0.2)
    far = batch.replace(
        **{
            name: process.manifold.exp(
                x, 0.7 * process.manifold.noise(x, batch.rows[name], generator), batch.rows[name]
            )
            for (name, process), x in zip(
                mixture.processes.items(), batch.state.values(), strict=True
            )
        }
    )
    assert largest(mixture, far, t) < 1e-8


def test_residual_sees_a_perturbation_and_is_linear_in_a_small_one(mixture, generator):
    batch, t = mixture.noised(20, generator, low=0.1)
    size = []
    for perturbation in (1e-5, 1e-4):
        model = Perturbed(mixture.model, perturbation)
        with torch.no_grad():
            size.append(fokker_planck.residual(model, batch, t).square().mean().sqrt().item())
    assert size[0] > 1e-8
    assert math.isclose(size[1] / size[0], 10, rel_tol=1e-2)  # quadratic terms are below 1e-4


def test_wrong_dimension_would_be_seen(case_of, generator):
    """A constant in time added to -log q, such as a wrong div f gives, is a residual."""

    class Shifted(EnergyModel):
        def energy(self, batch, t):
            return case.model.energy(batch, t) + t

    case = case_of("VP Centred", 1)
    batch, t = case.noised(8, generator)
    found = fokker_planck.residual(Shifted(case.processes), batch, t)
    expected = 1 / fokker_planck.natural_scale(case.processes, batch, t)
    torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("name", ["VP Euclidean", "VE Centred", "VP Symmetric", "Brownian SO3"])
def test_hutchinson_averages_to_the_exact_divergence(name, case_of, generator):
    case = case_of(name, 2)
    model = Perturbed(case.model, 0.3)
    batch, t = case.noised(3, generator, low=0.2)
    count = 3000
    with torch.no_grad():
        exact = fokker_planck.residual(model, batch, t)
        many = batch.take(torch.arange(3).repeat(count))
        guesses = fokker_planck.residual(
            model, many, t.repeat(count), divergence="hutchinson", generator=generator
        ).reshape(count, 3)
    error = guesses.std(0) / math.sqrt(count)
    assert ((guesses.mean(0) - exact).abs() < 4 * error + 1e-9).all()


def test_hutchinson_with_several_probes_is_their_mean(case_of):
    case = case_of("VP Euclidean", 2)
    batch, t = case.noised(2, torch.Generator().manual_seed(0), low=0.2)

    def with_probes(count, generator):
        return fokker_planck.residual(
            case.model, batch, t, divergence="hutchinson", count=count, generator=generator
        )

    generator = torch.Generator().manual_seed(1)
    single = (with_probes(1, generator) + with_probes(1, generator)) / 2
    both = with_probes(2, torch.Generator().manual_seed(1))
    torch.testing.assert_close(both, single)


@pytest.mark.parametrize("name", ["VP Euclidean", "SubVP Centred", "VE Symmetric", "Brownian SO3"])
def test_product_of_weak_residuals_is_the_squared_residual(name, case_of, generator):
    """Unbiased: the mean over probes is the exact square within 4 sigma of its own error."""
    case = case_of(name, 2)
    model = Perturbed(case.model, 0.3)
    batch, t = case.noised(2, generator, low=0.3)
    count = 4000
    with torch.no_grad():
        exact = fokker_planck.residual(model, batch, t).square()
        many = batch.take(torch.arange(2).repeat(count))
        first, second = fokker_planck.weak_residuals(
            model, many, t.repeat(count), step=1e-3, generator=generator
        )
    product = (first * second).reshape(count, 2)
    error = product.std(0) / math.sqrt(count)
    # The second term is the error of the finite difference, of second order in its step.
    assert ((product.mean(0) - exact).abs() < 4 * error + 1e-5).all()


@pytest.mark.parametrize("name", ["VP Euclidean", "VP Centred", "VE Symmetric", "Brownian SO3"])
def test_weak_residual_has_an_error_of_second_order_in_its_step(name, case_of):
    case = case_of(name, 2)
    batch, t = case.noised(50, torch.Generator().manual_seed(0), low=0.3)

    def weak(step):
        """With the same probes at every step."""
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            return fokker_planck.weak_residuals(
                case.model, batch, t, step=step, generator=generator
            )[0]

    limit = weak(0.002)
    errors = [(weak(step) - limit).abs().mean().item() for step in (0.02, 0.04, 0.08)]
    for small, large in itertools.pairwise(errors):
        assert abs(math.log2(large / small) - 2) < 0.3


def test_weak_residuals_are_small_for_the_exact_density(mixture, generator):
    batch, t = mixture.noised(200, generator)
    with torch.no_grad():
        first, second = fokker_planck.weak_residuals(mixture.model, batch, t, generator=generator)
        sizes = (first * second).mean()
    # One probe's v.Jv scatters about the trace; two of them leave a mean of about 1/sqrt(200).
    assert abs(sizes) < 0.05


def test_residuals_differentiate_through_to_parameters(case_of, generator):
    case = case_of("VP Centred", 1)
    model = Perturbed(case.model, 0.1)
    model.size = torch.nn.Parameter(torch.tensor(0.1, dtype=torch.float64))
    batch, t = case.noised(4, generator, low=0.1)

    def loss(size):
        with torch.no_grad():
            model.size.fill_(size)
        return fokker_planck.residual(model, batch, t).square().sum()

    loss(0.1).backward()
    found = model.size.grad.item()
    expected = (loss(0.1 + 1e-5) - loss(0.1 - 1e-5)).item() / 2e-5
    assert math.isclose(found, expected, rel_tol=1e-6)


def test_packed_batch_has_the_residuals_of_the_dense_one(case_of, packed, generator):
    """Ragged graphs: exact divergences need a frame that fits each graph."""
    case = case_of("VP Centred", 1)
    dense, t = case.noised(3, generator)
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]], dtype=torch.bool)
    rows = DenseRows(3, (4,), mask)
    x = case.processes["x"].manifold.project(dense.state["x"], rows)
    ragged = packed(Batch({"x": x}, {"x": rows}), {"x": mask})

    class Quartic(EnergyModel):
        def energy(self, batch, t):
            return batch.rows["x"].total(batch.state["x"] ** 4).sum(1) * (1 + t)

    model = Quartic(case.processes)
    expected = fokker_planck.residual(model, Batch({"x": x}, {"x": rows}), t)
    torch.testing.assert_close(fokker_planck.residual(model, ragged, t), expected)


def test_residual_without_rate_is_refused(case_of, generator):
    case = case_of("VP Euclidean", 1)
    batch, t = case.noised(2, generator)
    with pytest.raises(MolgenError, match="rate=True"):
        fokker_planck.without_laplacian(case.processes, batch, t, case.model.evaluate(batch, t))
