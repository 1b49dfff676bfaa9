import math

import pytest
import torch

from molgen.core.losses import LOSSES, Denoising
from molgen.core.losses.noise_levels import NoiseRange, OverNoise, noise_times
from molgen.core.processes import VE, VP, Brownian, Linear, SubVP
from molgen.errors import UsageError

PROCESSES = {"VP": VP(), "VE": VE(), "SubVP": SubVP(), "Linear": Linear(), "Brownian": Brownian()}


def ratio(process, times):
    return process.noise(times) / process.signal(times)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_noise_times_are_log_uniform_one_in_each_slice(process, generator):
    n = 1000
    like = torch.empty(0, dtype=torch.float64)
    ends = torch.tensor([0.01, 0.7], dtype=torch.float64)
    low, high = ratio(process, ends).tolist()
    t = noise_times(process, n, generator, noise=NoiseRange(low, high), like=like)
    place = torch.log(ratio(process, t) / low) / math.log(high / low) * n
    assert torch.equal(place.sort().values.floor(), torch.arange(n, dtype=torch.float64))
    # In random order: neighbours are not closer than strangers.
    assert place.diff().abs().mean() > 0.9 * n / 3


def test_noise_times_repeat_with_their_generator_and_stay_in_range():
    process = VP()
    first, second = (
        noise_times(process, 500, torch.Generator().manual_seed(3), noise=NoiseRange())
        for _ in range(2)
    )
    assert torch.equal(first, second)
    assert first.dtype == torch.get_default_dtype()
    assert first.min() >= process.t_min
    assert first.max() <= 1


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_focus_gives_its_share_of_the_times_to_the_middle(process, generator):
    n = 1000
    noise = NoiseRange(focus=(0.05, 1.5), share=0.7)
    r = ratio(process, noise_times(process, n, generator, noise=noise))
    # Stratified: the count inside is exact up to the slices at the two edges.
    assert abs(int(((r > 0.05) & (r < 1.5)).sum()) - 700) <= 2
    # Outside, times stay log-uniform: shares in proportion to the logarithmic widths.
    ends = ratio(process, torch.tensor([process.t_min, 1.0], dtype=torch.float64))
    below, above = math.log(0.05 / ends[0]), math.log(ends[1] / 1.5)
    assert abs(int((r < 0.05).sum()) - 300 * below / (below + above)) <= 2


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_times_can_be_even_in_time_itself(process, generator):
    n = 1000
    like = torch.empty(0, dtype=torch.float64)
    t = noise_times(process, n, generator, noise=NoiseRange(even="time"), like=like)
    place = (t - process.t_min) / (1 - process.t_min) * n
    assert torch.equal(place.sort().values.floor(), torch.arange(n, dtype=torch.float64))


def test_even_times_keep_to_range_and_focus(generator):
    """Of the straight path with u_max = 100/101: noise / signal r at u = r / (1 + r)."""
    n, end = 1000, 100 / 101
    noise = NoiseRange(low=0.25, high=4.0, focus=(1.0, 2.0), share=0.5, even="time")
    like = torch.empty(0, dtype=torch.float64)
    u = end * noise_times(Linear(), n, generator, noise=noise, like=like)
    assert u.min() >= 0.2
    assert u.max() <= 0.8
    assert abs(int(((u > 1 / 2) & (u < 2 / 3)).sum()) - 500) <= 2
    # Outside in proportion to the widths 0.3 and 0.8 - 2/3, in time.
    assert abs(int((u < 1 / 2).sum()) - 500 * 0.3 / (0.3 + 0.8 - 2 / 3)) <= 2


def test_a_curriculum_goes_from_the_most_noise_down_to_all_of_it():
    loss = OverNoise(curriculum=0.5)
    assert loss.reach(0.0) == 0.2
    assert loss.reach(0.25) == pytest.approx(0.6)
    assert [loss.reach(part) for part in (0.5, 0.7, 1.0)] == [1.0, 1.0, 1.0]
    assert OverNoise().reach(0.0) == 1.0


@pytest.mark.parametrize("reach", [0.2, 0.6])
def test_levels_in_reach_are_the_noisiest_share_of_all(reach, generator):
    """A share `reach` of all times lies above the smallest of those in reach."""
    process, n = VP(), 2000
    like = torch.empty(0, dtype=torch.float64)
    noise = NoiseRange(focus=(0.05, 1.5))
    every = noise_times(process, n, generator, noise=noise, like=like).sort().values
    some = noise_times(process, n, generator, noise=noise, reach=reach, like=like).sort().values
    edge = every[round((1 - reach) * n)]
    assert abs(ratio(process, some[0]) / ratio(process, edge) - 1) < 0.01
    # And within they are spread as they are there: the same quantiles, to half a slice.
    above = every[every >= edge]
    index = torch.linspace(0, 0.99, 50)
    one, other = some[(index * n).long()], above[(index * len(above)).long()]
    assert (ratio(process, one) / ratio(process, other)).log().abs().max() < 0.03


def test_after_its_curriculum_a_loss_is_what_it_is_without(case_of, generator):
    case = case_of("VP Euclidean", 1)
    batch = case.data(64, generator)

    def value(loss, progress):
        same = torch.Generator().manual_seed(1)
        with torch.no_grad():
            return loss(case.model, case.processes, batch, same, progress)[0]

    plain, staged = Denoising(), Denoising(curriculum=0.3)
    assert torch.equal(value(plain, 0.1), value(staged, 0.3))
    # At the start only noise / signal above the noisiest fifth of VP's range: there is little
    # in the noised data to know, so the loss of the exact score is small.
    assert value(staged, 0.0) < 0.1 * value(plain, 0.0)


@pytest.mark.parametrize("kind", ["denoising", "velocity_matching", "cross_entropy"])
@pytest.mark.parametrize("options", [{"curriculum": 1.5}, {"curriculum": -0.1}, {"low": -1.0}])
def test_levels_out_of_range_are_refused(kind, options):
    with pytest.raises(UsageError):
        LOSSES[kind](**options)
