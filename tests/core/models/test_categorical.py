import math

import pytest
import torch
from torch import nn

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import CrossEntropy
from molgen.core.manifolds import Euclidean, Symmetric
from molgen.core.models.categorical import CategoricalModel, Categories, Orders
from molgen.core.processes import VE, VP
from molgen.core.solvers import SOLVERS
from molgen.errors import MolgenError

FREQUENCIES = torch.tensor([0.6, 0.3, 0.1])


class Nothing(nn.Module):
    """A network that has nothing to add: the model is then exact for rows that are independent."""

    def forward(self, rows, alone):
        return {name: torch.zeros_like(value) for name, value in alone.items()}


def independent(process, manifold):
    categories = Categories(FREQUENCIES).double()
    return CategoricalModel({"x": process(manifold=manifold)}, {"x": categories}, Nothing())


def log_density(model, x, t):
    """log of the mixture of K Gaussians, from its definition; x: [K], t: []."""
    process, categories = model.processes["x"], model.encodings["x"]
    m, s = process.signal(t), process.noise(t)
    weights = FREQUENCIES.double()
    square = (x - m * categories.corners).square().sum(-1)
    return torch.logsumexp(weights.log() - square / (2 * s.square()), 0)


@pytest.mark.parametrize("process", [VP, VE])
@pytest.mark.parametrize("time", [0.05, 0.3, 0.9])
def test_a_row_alone_has_its_exact_score_and_probabilities(process, time):
    model = independent(process, Euclidean())
    x = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = torch.full((4,), time, dtype=torch.float64)
    batch = Batch({"x": x}, {"x": DenseRows(4, (5,))})
    exact = torch.func.vmap(
        torch.func.vmap(torch.func.grad(lambda row: log_density(model, row, t[0])))
    )(x)
    score = model.score(batch, t)["x"]
    # the corners are stored in single precision
    torch.testing.assert_close(score, exact, rtol=1e-5, atol=1e-5 * exact.abs().max().item())
    m, s = model.processes["x"].signal(t[:1]), model.processes["x"].noise(t[:1])
    corners = model.encodings["x"].corners
    joint = FREQUENCIES.double().log() - (x[..., None, :] - m * corners).square().sum(-1) / (
        2 * s.square()
    )
    found = model.log_probabilities(batch, t)["x"]
    torch.testing.assert_close(found, joint.log_softmax(-1), rtol=1e-5, atol=1e-4)


def test_encoded_types_have_the_mean_and_deviation_that_the_process_is_told():
    categories = Categories(FREQUENCIES)
    classes = torch.multinomial(
        FREQUENCIES, 200_000, replacement=True, generator=torch.Generator().manual_seed(0)
    )
    x = categories.encode(classes)
    error = 5 / math.sqrt(200_000)
    assert x.mean(0).abs().max() < error
    assert abs(x.square().mean().sqrt().item() - categories.std) < error


def test_each_undirected_edge_is_counted_once_in_the_cross_entropy():
    """Of nothing but noise, an edge has the loss -log of its frequency."""
    model = independent(VP, Symmetric())
    classes = torch.tensor([[0, 1, 2], [1, 0, 0], [2, 0, 0]])
    x = model.encodings["x"].encode(classes)[None] * (1 - torch.eye(3))[..., None]
    mask = torch.ones(1, 3, 3, dtype=torch.bool)
    mask[:, 2] = mask[:, :, 2] = False
    t = torch.ones(1, dtype=torch.float64)
    pi = FREQUENCIES.double()
    for rows, true in (
        (DenseRows(1, (3, 3)), pi[[1, 2, 0]]),
        (DenseRows(1, (3, 3), mask), pi[[1]]),
    ):
        clean = Batch({"x": rows.zero(x)}, {"x": rows})
        noised = clean.replace(x=torch.zeros_like(clean.state["x"]))
        found = model.cross_entropy(clean, noised, t)["x"].item()
        # signal / noise at t = 1 is 0.0066, squared: what is left of the data
        assert abs(found + true.log().sum().item()) < 1e-3


@pytest.mark.parametrize("solver", ["ancestral", "s4", "adams"])
def test_samples_have_the_frequencies_of_the_categories(solver):
    model = independent(lambda **given: VP(t_min=0.03, **given), Euclidean())
    generator = torch.Generator().manual_seed(0)
    rows = DenseRows(400, (50,))
    batch = Batch({"x": torch.zeros(400, 50, 3, dtype=torch.float64)}, {"x": rows})
    batch = solvers.prior(model.processes, batch, generator)
    times = grids.karras(model.processes["x"], 60)
    batch = SOLVERS[solver](model.processes, model.score, batch, times, generator)
    t = batch.state["x"].new_full((400,), times[-1].item())
    found = torch.bincount(model.classes(batch, t)["x"].flatten(), minlength=3) / 20_000
    # five standard errors, and 0.01 of truncation
    assert (found - FREQUENCIES).abs().max() < 5 * math.sqrt(0.25 / 20_000) + 0.01


def test_the_loss_of_the_exact_model_is_less_than_that_of_any_tilted_one():
    model = independent(VP, Euclidean())
    classes = torch.multinomial(
        FREQUENCIES, 4000, replacement=True, generator=torch.Generator().manual_seed(1)
    )
    x = model.encodings["x"].encode(classes).reshape(400, 10, 3).double()
    batch = Batch({"x": x}, {"x": DenseRows(400, (10,))})

    def loss(tilt):
        model.network.forward = lambda rows, alone: {"x": tilt.expand_as(alone["x"])}
        generator = torch.Generator().manual_seed(2)
        return CrossEntropy()(model, model.processes, batch, generator)[0].item()

    best = loss(torch.zeros(3))
    for k in range(3):
        for size in (-0.5, 0.5):
            assert loss(size * torch.eye(3)[k]) > best


def test_a_category_that_never_occurs_is_refused():
    with pytest.raises(MolgenError, match="must be positive"):
        Categories(torch.tensor([0.5, 0.0]))


def test_types_are_read_back_through_noise():
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(0, 3, (1000,), generator=generator)
    for encoding in (Categories(FREQUENCIES), Orders(FREQUENCIES)):
        x = encoding.encode(classes)
        assert x.shape == (1000, encoding.width)
        noise = 0.05 * torch.randn(x.shape, generator=generator)  # corners are 1 apart and more
        assert torch.equal(encoding.decode(x + noise), classes)


def test_orders_have_the_deviation_that_the_process_is_told():
    # 0, 1, 2 with frequencies .6, .3, .1: mean .5, mean square .7
    assert Orders(FREQUENCIES).std == pytest.approx(math.sqrt(0.7 - 0.25), abs=1e-7)
