import json

import pytest
import torch

from molgen.errors import UsageError
from molgen.md.peptides.backbones import Backbone
from molgen.md.peptides.closed_form import ClosedForm
from molgen.md.peptides.coordinates import Internal, Present
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.statistics import Case, PeptideStatistics

TEXTS = ("AS", "SA", "SK", "KA", "GA", "AG", "Ac-A-NHMe", "Ac-S-NHMe", "Ac-AS-NHMe")


@pytest.fixture(scope="module")
def statistics(made):
    cases = [Case(Peptide.parse(text), 310.0) for text in TEXTS]
    return PeptideStatistics.measure([(case, made(case.peptide, 2000)) for case in cases], 310.0)


def test_derivatives_of_stiff_coordinates_are_those_of_autograd():
    internal = Internal(Backbone.of(Peptide.parse("Ac-KS-NHMe")))
    y = torch.randn(15, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.func.jacrev(lambda x: internal.stiff_of(x[None])[0])(y)
    # distances are softened by 1e-3 at zero
    assert torch.allclose(internal.derivatives(y[None])[0], expected, atol=1e-5)


def test_sizes_of_an_unseen_pair_are_those_of_its_own_frames(statistics, made):
    peptide = Peptide("SS")
    sizes = statistics.of(Case(peptide, 310.0))
    y = made(peptide, 2000).double() / statistics.scale
    internal = Internal(Backbone.of(peptide))
    mean = internal.stiff_of(y).mean(0)
    # bonds and angles vary by 3 % about means that all peptides of the fixture share
    assert torch.allclose(sizes.mean.double(), mean, atol=0.03)
    own = internal.derivatives(y[:400]).flatten(2) @ internal.derivatives(y[:400]).flatten(2).mT
    assert torch.allclose(sizes.blur.double(), own.mean(0).diagonal(), rtol=0.05)


def test_gaussian_has_the_mean_squared_distances_of_the_frames(statistics, made):
    peptide = Peptide("SS")
    sizes = statistics.of(Case(peptide, 310.0))
    y = made(peptide, 4000).double() / statistics.scale
    assert float(sizes.spectrum.min()) > 0
    directions = sizes.basis.double() * (sizes.basis.sum(0).abs() < 1e-3)  # without the centre
    variance = directions**2 @ sizes.spectrum.double()
    # a pair that was never seen: its extent to 15 %
    assert torch.allclose(variance.sum(), y.square().sum((1, 2)).mean() / 3, rtol=0.15)


def test_modes_are_white_under_noise_and_uncorrelated_in_the_data(statistics, made):
    peptide = Peptide("SA")
    sizes = statistics.of(Case(peptide, 310.0))
    present = torch.tensor(Present.of(Backbone.of(peptide)).stiff)
    modes = sizes.modes.double()
    used = modes.abs().sum(0) > 0
    blur = modes.T @ statistics.overlap[present[:, None], present] @ modes
    spread = modes.T @ statistics.covariance[present[:, None], present] @ modes
    one = torch.eye(int(used.sum()), dtype=torch.float64)
    assert torch.allclose(blur[used][:, used], one, atol=1e-3)
    expected = sizes.variance.double()[used] * one
    assert torch.allclose(spread[used][:, used], expected, atol=1e-4)


def test_variances_grow_with_the_temperature(statistics):
    cold, warm = (statistics.of(Case(Peptide("SA"), T)) for T in (310.0, 403.0))
    assert torch.allclose(warm.variance[:5] / cold.variance[:5], torch.tensor(403.0 / 310.0))
    assert torch.allclose(warm.modes, cold.modes)


def test_padding_adds_nothing_to_the_energy(statistics):
    case = Case(Peptide("AG"), 310.0)
    backbone = Backbone.of(case.peptide)
    present, sizes = Present.of(backbone), statistics.of(case)
    slots, stiff = list(present.slots), list(present.stiff)
    y = torch.randn(4, len(slots), 3, generator=torch.Generator().manual_seed(0))
    y = y - y.mean(1, keepdim=True)
    sigma = torch.tensor([0.01, 0.3, 1.0, 10.0])
    own, standard = ClosedForm.of_one(sizes, present)(y, Internal(backbone).stiff_of(y), sigma)
    whole = torch.zeros(4, 15, 3)
    whole[:, slots] = y
    form = ClosedForm.of_many([sizes.padded(present)])
    padded, all_standard = form(
        whole, Internal().stiff_of(whole), sigma, torch.zeros(4, dtype=torch.int64)
    )
    assert torch.allclose(padded, own, rtol=1e-4)
    assert torch.allclose(all_standard[:, stiff], standard, atol=1e-5)


def test_closed_form_vanishes_where_noise_is_large(statistics):
    case = Case(Peptide.parse("Ac-AS-NHMe"), 310.0)
    backbone = Backbone.of(case.peptide)
    form = ClosedForm.of_one(statistics.of(case), Present.of(backbone))
    y = 20.0 * torch.randn(50, 15, 3, generator=torch.Generator().manual_seed(0))
    energy, _ = form(y, Internal(backbone).stiff_of(y), torch.full((50,), 20.0))
    assert float(energy.abs().max()) < 0.5  # kT, of 42 directions


def test_statistics_survive_json(statistics):
    again = PeptideStatistics.from_dict(json.loads(json.dumps(statistics.to_dict())))
    case = Case(Peptide("SS"), 350.0)
    ours, theirs = vars(statistics.of(case)), vars(again.of(case))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_frames_at_another_temperature_alone_are_refused(made):
    frames = [(Case(Peptide("AS"), 403.0), made(Peptide("AS"), 10))]
    with pytest.raises(UsageError, match="no frames at 310 K"):
        PeptideStatistics.measure(frames, 310.0)
