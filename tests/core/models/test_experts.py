import pytest
import torch
from torch import nn

from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import fokker_planck
from molgen.core.models import EnergyModel
from molgen.core.models.experts import EnergySplit, ScoreSplit, TimeBlend
from molgen.core.processes import VE, VP, Brownian, SubVP
from molgen.errors import UsageError

EDGES = [0.1, 0.6]
TIMES = torch.linspace(0.002, 1.0, 200, dtype=torch.float64)


class Expert(EnergyModel):
    """An energy of its own size, that counts the graphs it was asked about."""

    def __init__(self, processes, size):
        super().__init__(processes)
        self.size = nn.Parameter(torch.tensor(size, dtype=torch.float64))
        self.asked = 0

    def energy(self, batch, t):
        self.asked += len(t)
        total = sum(
            batch.rows[name].total(torch.cos(x)).reshape(len(t), -1).sum(1)
            for name, x in batch.state.items()
        )
        return self.size * total * (1 + t.square())


def split_of(processes, **options):
    return EnergySplit([Expert(processes, size) for size in (1.0, 2.5, -1.0)], EDGES, **options)


@pytest.fixture
def points(case_of):
    case = case_of("joint", 1)
    batch, t = case.noised(64, torch.Generator().manual_seed(0))
    return case.processes, batch, t


@pytest.mark.parametrize("process", [VP(), VE(), SubVP(), Brownian()])
def test_weights_are_a_partition_of_unity_over_neighbours(process):
    weights = TimeBlend(process, (0.1, 0.6)).weights(TIMES)
    torch.testing.assert_close(weights.sum(0), torch.ones_like(TIMES))
    assert (weights >= 0).all()
    assert ((weights > 0).sum(0) <= 2).all()
    assert weights[0, 0] == weights[2, -1] == 1
    middle = (TIMES > 0.25) & (TIMES < 0.35)
    assert (weights[1, middle] == 1).all()


def test_edges_are_where_two_experts_weigh_the_same():
    edges = torch.tensor(EDGES, dtype=torch.float64)
    weights = TimeBlend(VP(), tuple(EDGES)).weights(edges)
    torch.testing.assert_close(weights[:2, 0], torch.tensor([0.5, 0.5]).double())
    torch.testing.assert_close(weights[1:, 1], torch.tensor([0.5, 0.5]).double())


def test_blend_has_the_width_it_was_given():
    process, width = VP(), 0.8
    weights = TimeBlend(process, (0.3,), width).weights(TIMES)
    level = torch.log(process.noise(TIMES) / process.signal(TIMES))
    edge = torch.tensor(0.3, dtype=torch.float64)
    centre = torch.log(process.noise(edge) / process.signal(edge))
    mixed = (weights[0] > 0) & (weights[0] < 1)
    inside = (level - centre).abs() < width / 2
    assert torch.equal(mixed, inside)


def test_weights_have_two_continuous_derivatives():
    """Their third derivative jumps: the second changes little over a small step."""
    t = torch.linspace(0.01, 0.99, 20_001, dtype=torch.float64)
    h = (t[1] - t[0]).item()
    weights = TimeBlend(VP(), tuple(EDGES)).weights(t)
    second = weights.diff(dim=1).diff(dim=1) / h**2
    assert second.diff(dim=1).abs().max() < 0.03 * second.abs().max()


def test_rates_are_the_derivatives_of_the_weights():
    blend, h = TimeBlend(SubVP(), tuple(EDGES)), 1e-6
    slope = (blend.weights(TIMES + h) - blend.weights(TIMES - h)) / (2 * h)
    torch.testing.assert_close(blend.rates(TIMES), slope, atol=1e-5, rtol=1e-6)


def test_split_is_the_weighted_sum_and_its_derivatives(points):
    processes, batch, t = points
    split = split_of(processes)
    weights = split.blend.weights(t)

    class Sum(EnergyModel):
        def energy(self, batch, t):
            parts = [expert.energy(batch, t) for expert in split.experts]
            return (split.blend.weights(t) * torch.stack(parts)).sum(0)

    expected = Sum(processes).evaluate(batch, t, rate=True)
    found = split.evaluate(batch, t, rate=True)
    assert ((weights > 0).sum(1) > 0).all()
    assert ((weights > 0) & (weights < 1)).any()
    torch.testing.assert_close(split.energy(batch, t), expected.energy)
    torch.testing.assert_close(found.energy, expected.energy)
    torch.testing.assert_close(found.rate, expected.rate)
    for name, score in expected.score.items():
        torch.testing.assert_close(found.score[name], score)


def test_experts_without_weight_are_not_asked(points):
    processes, batch, _ = points
    split = split_of(processes)
    split.evaluate(batch, torch.full((64,), 0.3, dtype=torch.float64), rate=True)
    assert [expert.asked for expert in split.experts] == [0, 64, 0]
    t = torch.full((64,), 0.02, dtype=torch.float64)
    t[:8] = 0.1
    split.evaluate(batch, t)
    assert [expert.asked for expert in split.experts] == [64, 64 + 8, 0]


def test_one_expert_everywhere_is_that_expert(points):
    processes, batch, t = points
    expert = Expert(processes, 1.3)
    alone = expert.evaluate(batch, t, rate=True)
    split = EnergySplit([expert], []).evaluate(batch, t, rate=True)
    assert torch.equal(split.energy, alone.energy)
    assert torch.equal(split.rate, alone.rate)


def test_equal_experts_are_one_expert(points):
    """Blending a model with itself changes nothing, also where the weights move."""
    processes, batch, t = points
    expert = Expert(processes, 1.3)
    found = EnergySplit([expert] * 3, EDGES).evaluate(batch, t, rate=True)
    expected = expert.evaluate(batch, t, rate=True)
    torch.testing.assert_close(found.energy, expected.energy)
    torch.testing.assert_close(found.rate, expected.rate)
    for name, score in expected.score.items():
        torch.testing.assert_close(found.score[name], score)


def test_exact_experts_leave_no_residual_across_the_blends(case_of):
    case = case_of("VP Centred", 2)
    batch, t = case.noised(40, torch.Generator().manual_seed(0))
    split = EnergySplit([case.model] * 3, EDGES, width=1.0)
    with torch.no_grad():
        assert fokker_planck.residual(split, batch, t).abs().max() < 1e-8


def test_gradients_reach_every_expert(points):
    processes, batch, t = points
    split = split_of(processes)
    first, second = fokker_planck.weak_residuals(
        split, batch, t, generator=torch.Generator().manual_seed(0)
    )
    (first * second).mean().backward()
    for expert in split.experts:
        assert expert.size.grad.abs() > 0


def test_scores_blend_like_energies(points):
    processes, batch, t = points
    experts = [Expert(processes, size) for size in (1.0, 2.5, -1.0)]
    energies = EnergySplit(experts, EDGES).score(batch, t)
    scores = ScoreSplit(experts, processes, EDGES).score(batch, t)
    for name, score in energies.items():
        torch.testing.assert_close(scores[name], score)


def test_packed_graphs_go_to_their_experts(packed):
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]], dtype=torch.bool)
    rows = DenseRows(3, (4,), mask)
    x = rows.zero(
        torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    )
    dense = Batch({"x": x}, {"x": rows})
    t = torch.tensor([0.02, 0.1, 0.9], dtype=torch.float64)
    split = split_of({"x": VP()})
    expected = split.evaluate(dense, t, rate=True)
    found = split.evaluate(packed(dense, {"x": mask}), t, rate=True)
    torch.testing.assert_close(found.energy, expected.energy)
    torch.testing.assert_close(found.rate, expected.rate)
    torch.testing.assert_close(found.score["x"], expected.score["x"][mask])


@pytest.mark.parametrize(
    ("edges", "options", "message"),
    [
        ([0.6, 0.1], {}, "increase"),
        ([0.0, 0.5], {}, "increase"),
        ([0.5, 1.0], {}, "increase"),
        ([0.5], {}, "3 experts need 2 edges"),
        (EDGES, {"width": 0.0}, "width"),
    ],
)
def test_edges_that_make_no_sense_are_refused(edges, options, message):
    processes = {"x": VP()}
    with pytest.raises(UsageError, match=message):
        EnergySplit([Expert(processes, 1.0)] * 3, edges, **options)
