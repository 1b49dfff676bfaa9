"""A predictor of properties of noised graphs."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from molgen import checkpoint
from molgen.core.losses import corrupt
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.dense import as_batch, padded
from molgen.graphs.models.properties import PropertyLikelihood
from molgen.graphs.models.statistics import Label, Statistics
from molgen.graphs.task import restore_predictor


def labelled(count):
    """Random graphs of 2 to 4 nodes, labelled with how many nodes are of type 1; some are not."""
    rng = np.random.default_rng(0)
    graphs = []
    for _ in range(count):
        n = int(rng.integers(2, 5))
        edges = np.triu(rng.integers(0, 4, (n, n)), 1).astype(np.int8)
        graphs.append((rng.integers(0, 3, n).astype(np.int8), edges + edges.T))
    ones = np.array([(nodes == 1).sum() for nodes, _ in graphs], np.float32)
    ones[::7] = np.nan
    return GraphSet.of(graphs, labels={"size": ones})


def batch_of(graphs, model):
    return as_batch(padded(graphs), model.encodings)


def test_labels_are_measured_where_they_are_known():
    graphs = labelled(50)
    known = graphs.labels["size"][np.isfinite(graphs.labels["size"])]
    statistics = Statistics.measure(graphs)
    assert statistics.labels == {
        "size": Label(known.mean(dtype=float), known.std(dtype=float), 0.0, float(known.max()))
    }
    assert Statistics.from_dict(statistics.to_dict()) == statistics
    taken = padded(graphs).take(torch.tensor([3, 1]))
    assert taken.labels["size"].tolist() == graphs.labels["size"][[3, 1]].tolist()


def test_the_loss_is_the_mean_likelihood_of_the_labels_that_are_known(predictor):
    model, _ = restore_predictor(checkpoint.load(predictor))
    batch, t = batch_of(labelled(20), model), torch.linspace(0.1, 0.9, 20)
    noised, _, _ = corrupt(model.processes, batch, t, torch.Generator().manual_seed(0))
    loss = PropertyLikelihood()
    frozen = dataclasses.replace(loss)
    object.__setattr__(frozen, "times", lambda *_: t)
    found, _ = frozen(model, model.processes, batch, torch.Generator().manual_seed(0))
    mean, log_variance = (part[:, 0] for part in model.predict(noised, t))
    label = model.labels["size"]
    values = (batch.given["size"] - label.mean) / label.std
    known = values.isfinite()
    exact = torch.nn.functional.gaussian_nll_loss(
        mean[known], values[known], log_variance.exp()[known], full=True
    )
    torch.testing.assert_close(found, exact)


def test_it_does_not_depend_on_the_order_of_nodes_or_on_padding(predictor):
    model, _ = restore_predictor(checkpoint.load(predictor))
    for parameter in model.parameters():  # it starts with answers of zero
        torch.nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(1))
    graphs = labelled(6)
    t = torch.linspace(0.1, 0.8, 6)
    noised, _, _ = corrupt(
        model.processes, batch_of(graphs, model), t, torch.Generator().manual_seed(0)
    )
    mean, _ = model.predict(noised, t)
    assert mean.std() > 0.01
    k = int(np.argmin(graphs.sizes))
    n = int(graphs.sizes[k])
    order = torch.randperm(n, generator=torch.Generator().manual_seed(3))
    alone = batch_of(graphs.take([k]), model)
    alone = alone.replace(
        x=noised.state["x"][k : k + 1, :n][:, order],
        adj=noised.state["adj"][k : k + 1, :n, :n][:, order][:, :, order],
    )
    torch.testing.assert_close(model.predict(alone, t[k : k + 1])[0][0], mean[k])


def test_it_learns_what_noise_leaves_of_a_property(predictor):
    """Types counted: from clean graphs well, from noise no better than their distribution."""
    model, _ = restore_predictor(checkpoint.load(predictor))
    batch = batch_of(labelled(300), model)
    optimiser = torch.optim.Adam(model.requires_grad_(True).parameters(), 1e-2)
    generator, loss = torch.Generator().manual_seed(0), PropertyLikelihood()
    for _ in range(100):
        part = batch.take(torch.randint(300, (64,), generator=generator))
        optimiser.zero_grad()
        loss(model, model.processes, part, generator)[0].backward()
        optimiser.step()

    def nats(low, high):
        at = PropertyLikelihood(low=low, high=high)
        with torch.no_grad():
            return at(model, model.processes, batch, generator)[0].item()

    values = model.standardised(batch.given)
    spread = values[values.isfinite()].std().item()
    gaussian = 0.5 * math.log(2 * math.pi * math.e * spread**2)
    assert nats(0.11, 0.15) < gaussian - 0.5
    assert nats(20.0, 100.0) == pytest.approx(gaussian, abs=0.15)
