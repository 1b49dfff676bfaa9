import math

import pytest
import torch
from torch import nn

from molgen.core.batch import Batch, DenseRows
from molgen.core.likelihood.bounds import surprise_bound
from molgen.core.manifolds import Euclidean
from molgen.core.models.categorical import CategoricalModel, Categories
from molgen.core.processes import VE, VP

FREQUENCIES = torch.tensor([0.6, 0.3, 0.1])


class Tilted(nn.Module):
    """Believes in other frequencies: `tilt` is added to the log probabilities of all rows."""

    def __init__(self, tilt):
        super().__init__()
        self.tilt = tilt

    def forward(self, rows, alone):
        return {name: self.tilt.expand_as(value) for name, value in alone.items()}


def mean_bound(process, tilt, frequencies=FREQUENCIES):
    """Over 3000 rows, 3 a graph, with its standard error; all in nats a row."""
    generator = torch.Generator().manual_seed(0)
    encodings = {"x": Categories(frequencies).double()}
    model = CategoricalModel({"x": process}, encodings, Tilted(tilt.double()))
    classes = torch.multinomial(FREQUENCIES, 3000, replacement=True, generator=generator)
    x = encodings["x"].encode(classes.reshape(1000, 3))
    batch = Batch({"x": x}, {"x": DenseRows(1000, (3,))})
    found = surprise_bound(model, model.processes, batch, generator) / 3
    return found.mean().item(), (found.std() / math.sqrt(1000)).item()


@pytest.mark.parametrize(
    "process", [VP(manifold=Euclidean()), VE(manifold=Euclidean(), sigma_max=200.0)]
)
def test_of_the_true_score_it_is_the_entropy(process):
    found, error = mean_bound(process, torch.zeros(3))
    entropy = -(FREQUENCIES * FREQUENCIES.log()).sum().item()
    assert abs(found - entropy) < 4 * error
    assert error < 0.03


def test_of_a_model_of_other_frequencies_it_is_the_cross_entropy():
    """Such a model is the true one of other data: their -log pi, of each of ours."""
    others = torch.tensor([0.2, 0.3, 0.5])
    process = VP(manifold=Euclidean())
    found, error = mean_bound(process, torch.zeros(3), others)
    expected = -(FREQUENCIES * others.log()).sum().item()
    assert abs(found - expected) < 4 * error
    assert found > 0.9 + 4 * error  # the entropy is 0.898


def test_a_worse_score_has_a_larger_bound():
    process = VP(manifold=Euclidean())
    best, error = mean_bound(process, torch.zeros(3))
    worse, _ = mean_bound(process, torch.tensor([0.0, 1.5, 0.0]))
    assert worse > best + 4 * error
