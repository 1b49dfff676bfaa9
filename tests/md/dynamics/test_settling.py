"""Frames carried along the flow: of a Gaussian in closed form, in batches, and refusals."""

import pytest
import torch

from molgen.errors import UsageError
from molgen.md.dynamics.settling import Settling
from molgen.md.potentials.model import ModelPotential


@pytest.mark.parametrize("system", ["ala2", "mueller_brown"])
def test_a_gaussian_narrows_by_the_noise_that_it_loses(harmonic, generator, system):
    model, statistics = harmonic(system)
    potential = ModelPotential(model, statistics, 0.8)
    settled = Settling(model, potential, 40)
    shape = (7, len(statistics.mapping), len(statistics.offset))
    x = 0.3 * torch.randn(shape, dtype=torch.float64, generator=generator)
    mean = x.new_tensor(statistics.offset)
    deviation = x - x.mean(1, keepdim=True) if statistics.centred else x - mean
    # of unit data noised by s the flow is y(s) = y(0) sqrt(1 + s^2); the model's least s is 0.1
    narrowed = deviation * ((1 + 0.1**2) / (1 + 0.8**2)) ** 0.5
    # adams is off by the third power of its steps, a fortieth of log(8) each
    assert settled(x) - mean == pytest.approx(narrowed, rel=2e-4, abs=1e-6)


def test_batches_are_of_one_size_and_nothing_is_lost(harmonic, generator):
    sizes: list[int] = []

    class Watched(Settling):
        def __call__(self, x):
            sizes.append(len(x))
            return super().__call__(x)

    model, statistics = harmonic()
    settling = Watched(model, ModelPotential(model, statistics, 0.8), 5)
    for count in (3, 8, 9):
        x = torch.randn(count, 5, 3, dtype=torch.float64, generator=generator)
        whole = settling(x)
        sizes.clear()
        assert settling.in_batches(x, 4) == pytest.approx(whole, rel=1e-12)
        assert sizes == [4] * -(-count // 4)


def test_no_steps_leave_frames_as_they_are(harmonic):
    model, statistics = harmonic()
    x = torch.randn(2, 5, 3)
    assert Settling(model, ModelPotential(model, statistics), 0)(x) is x


def test_there_must_be_a_way_to_go(harmonic):
    model, statistics = harmonic()
    with pytest.raises(UsageError, match="settle: there is no way to go"):
        Settling(model, ModelPotential(model, statistics), 4)
