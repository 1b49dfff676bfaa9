"""The reference's networks: its sizes, its symmetries, and its form without a base."""

import math

import pytest
import torch

from molgen.core.manifolds.so3 import uniform
from molgen.core.models import NormalisedEnergy
from molgen.core.models.experts import EnergySplit
from molgen.errors import UsageError
from molgen.md.models.batch import as_batch
from molgen.md.models.kinds import build_model
from molgen.md.models.reference_networks import PublishedTime, RawEnergy
from molgen.md.models.statistics import Statistics
from molgen.md.system import load_system
from tests.md.untrained import recipe_of


@pytest.fixture(scope="module")
def backbone(chain):
    system = load_system("ala2")
    generator = torch.Generator().manual_seed(0)
    return Statistics.measure(system, system.mapping("backbone5"), chain(100, 5, generator))


@pytest.fixture(scope="module")
def surface():
    system = load_system("mueller_brown")
    generator = torch.Generator().manual_seed(0)
    return Statistics.measure(system, system.atoms, torch.randn(100, 1, 2, generator=generator))


def model_of(statistics, **model):
    torch.manual_seed(0)
    recipe = recipe_of(process={"kind": "VP"}, **model)
    return build_model(recipe, statistics).double().requires_grad_(False)


def count(model):
    return sum(weight.numel() for weight in model.parameters())


def test_graph_transformer_has_the_published_size(backbone):
    """0.648 M for five beads with H = 96, L = 2, 8 heads of 64; term by term 647,585."""
    H, inner, nodes = 96, 512, 5 + 4
    attention = 4 * (H * inner + inner) + inner * H + H
    perceptron = H * 4 * H + 4 * H + 4 * H * H + H
    layer = attention + perceptron + 2 * 2 * H + 2 * 3 * H
    expected = (nodes * H + H) + (3 * H + H) + 2 * layer + (H + 1)
    assert count(model_of(backbone, kind="graph_transformer", raw=True)) == expected == 647_585


@pytest.mark.parametrize(
    ("widths", "between", "size"),
    [
        ([92, 92, 92], None, 17_849),
        ([64, 64, 64], None, 8_833),
        ([64, 64], [0.1, 0.6], 4_865),
        ([54, 54], [0.6, 1.0], 3_565),
    ],
)
def test_plain_networks_have_the_published_sizes(surface, widths, between, size):
    options = {} if between is None else {"between": between}
    assert count(model_of(surface, kind="plain", raw=True, widths=widths, **options)) == size


def test_experts_may_differ(surface):
    model = model_of(
        surface,
        kind="plain",
        raw=True,
        experts=[0.1, 0.6],
        each=[
            {"widths": [64, 64, 64]},
            {"widths": [64, 64], "between": [0.1, 0.6]},
            {"widths": [54, 54], "between": [0.6, 1.0]},
        ],
    )
    assert isinstance(model, EnergySplit)
    assert [count(expert) for expert in model.experts] == [8_833, 4_865, 3_565]
    assert all(isinstance(expert, RawEnergy) for expert in model.experts)
    with pytest.raises(UsageError, match="expected 3 tables, one an expert"):
        model_of(surface, kind="plain", experts=[0.1, 0.6], each=[{}])
    with pytest.raises(UsageError, match="plain has no key 'width'; did you mean 'widths'"):
        model_of(surface, kind="plain", experts=[0.5], each=[{}, {"width": [3]}])


def test_time_is_seen_as_published():
    t = torch.tensor([0.0, 0.1, 0.35, 1.0], dtype=torch.float64)
    waves = [torch.cos(2 * math.pi * t), torch.sin(2 * math.pi * t), -torch.cos(4 * math.pi * t)]
    torch.testing.assert_close(PublishedTime()(t), torch.stack([t - 0.5, *waves], 1))
    expert = PublishedTime([0.1, 0.6])(t)
    own = (t - 0.1) / 0.5
    inner = [torch.cos(2 * math.pi * own), torch.sin(2 * math.pi * own)]
    torch.testing.assert_close(expert[:, :4], torch.stack([t - 0.25, *waves], 1))
    torch.testing.assert_close(expert[:, 4:6], torch.stack(inner, 1))
    assert expert.shape == (4, 7)


@pytest.mark.parametrize("raw", [True, False])
def test_graph_transformer_is_invariant_under_translation_not_under_rotation(
    backbone, chain, generator, raw
):
    model = model_of(backbone, kind="graph_transformer", raw=raw)
    y = backbone.normalise(chain(6, 5, generator))
    t = torch.linspace(0.01, 0.9, 6, dtype=torch.float64)
    network = model.network if raw else model.correction
    shift = torch.randn(6, 1, 3, generator=generator, dtype=torch.float64)
    here, shifted = (network(as_batch(x), t) for x in (y, y + shift))
    torch.testing.assert_close(here, shifted)
    turned = network(as_batch(y @ uniform(torch.empty(6, 3, 3).double(), generator).mT), t)
    assert ((here - turned).abs() > 1e-8).all()  # which only turned training data can teach


def test_beads_are_told_apart_by_their_index_alone(backbone, chain, generator):
    """Renamed together with their positions, they have the same energy; otherwise not."""
    model = model_of(backbone, kind="graph_transformer", raw=True)
    y = backbone.normalise(chain(6, 5, generator))
    t = torch.full((6,), 0.1, dtype=torch.float64)
    here, order = model.energy(as_batch(y), t), torch.tensor([3, 0, 4, 1, 2])
    assert ((model.energy(as_batch(y[:, order]), t) - here).abs() > 1e-6).all()
    model.network.identity = model.network.identity[order]
    torch.testing.assert_close(model.energy(as_batch(y[:, order]), t), here)


@pytest.mark.parametrize(("kind", "size"), [("graph_transformer", 5), ("plain", 1)])
def test_raw_energy_is_the_output_alone(kind, size, backbone, surface, generator):
    """For VP and data of unit variance, of x_t and t as they are; the base is gone."""
    statistics = backbone if size == 5 else surface
    model = model_of(statistics, kind=kind, raw=True)
    assert isinstance(model, RawEnergy)
    shape = (4, size, len(statistics.offset))
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    t = torch.tensor([1e-3, 0.1, 0.5, 1.0], dtype=torch.float64)
    expected = model.network.output(x, PublishedTime()(t))
    torch.testing.assert_close(model.energy(as_batch(x), t), expected)
    based = model_of(statistics, kind=kind)
    assert isinstance(based, NormalisedEnergy)
    start = based.correction(as_batch(x), t)
    assert start.abs().max() < 0.1  # kT: training starts at the base
