import itertools

import pytest
import torch

from molgen.core.batch import DenseRows
from molgen.core.losses.node_matching import matched_nodes
from molgen.core.manifolds import Symmetric
from molgen.errors import UsageError

N = 5


def graphs(count, seed, features=3, channels=2):
    generator = torch.Generator().manual_seed(seed)
    rows = {"x": DenseRows(count, (N,)), "adj": DenseRows(count, (N, N))}
    x = torch.randn(count, N, features, generator=generator, dtype=torch.float64)
    adj = torch.randn(count, N, N, channels, generator=generator, dtype=torch.float64)
    return rows, {"x": x, "adj": Symmetric().project(adj, rows["adj"])}


def one(rows):
    return {name: own.take(torch.tensor([0]))[0] for name, own in rows.items()}


def gain(x, y):
    return (x["x"] * y["x"]).flatten(1).sum(1) + 0.5 * (x["adj"] * y["adj"]).flatten(1).sum(1)


def ordered(values, order):
    return {"x": values["x"][:, order], "adj": values["adj"][:, order][:, :, order]}


def test_nodes_alone_are_matched_exactly():
    rows, clean = graphs(20, 1)
    _, noise = graphs(20, 2)
    nothing = {"adj": torch.zeros_like(clean["adj"])}
    clean, noise = clean | nothing, noise | nothing
    found = gain(clean, matched_nodes(one(rows), clean, noise))
    tried = torch.stack(
        [gain(clean, ordered(noise, list(p))) for p in itertools.permutations(range(N))]
    )
    torch.testing.assert_close(found, tried.amax(0))


def test_matched_nodes_are_nearly_the_best_of_all_orders():
    """Never worse than as they were; on average most of the way from there to the best of 120."""
    rows, clean = graphs(60, 3)
    _, noise = graphs(60, 4)
    found = gain(clean, matched_nodes(one(rows), clean, noise))
    before = gain(clean, noise)
    tried = torch.stack(
        [gain(clean, ordered(noise, list(p))) for p in itertools.permutations(range(N))]
    )
    assert (found >= before - 1e-12).all()
    assert (found <= tried.amax(0) + 1e-12).all()
    assert ((found - before).mean() / (tried.amax(0) - before).mean()) > 0.85


def test_a_graph_in_another_order_is_put_back():
    rows, clean = graphs(10, 5)
    moved = ordered(clean, [3, 0, 4, 1, 2])
    found = matched_nodes(one(rows), clean, moved)
    for name in clean:
        torch.testing.assert_close(found[name], clean[name])


def test_padding_stays_where_it_is():
    (_, clean), (_, noise) = graphs(6, 6), graphs(6, 7)
    mask = torch.tensor([True, True, False, True, False])
    own = {
        "x": DenseRows(1, (N,), mask[None]),
        "adj": DenseRows(1, (N, N), (mask[:, None] & mask)[None]),
    }
    marks = {"x": noise["x"], "adj": noise["adj"]}
    found = matched_nodes(own, clean, marks)
    assert torch.equal(found["x"][:, ~mask], noise["x"][:, ~mask])
    real = found["x"][:, mask].sort(1).values
    assert torch.equal(real, noise["x"][:, mask].sort(1).values)


@pytest.mark.parametrize("axes", [{"adj": (N, N)}, {"x": (N,), "adj": (4, 4)}, {"x": (N, N, N)}])
def test_fields_without_nodes_are_refused(axes):
    rows = {name: DenseRows(1, own) for name, own in axes.items()}
    values = {name: torch.zeros(1, *own, 2) for name, own in axes.items()}
    with pytest.raises(UsageError, match="pairing"):
        matched_nodes(rows, values, values)
