"""Against the published parameter counts of GDSS's checkpoints, and the symmetries."""

import pytest
import torch

from molgen.core.batch import Batch
from molgen.graphs.dense import rows_of
from molgen.graphs.models.reference_networks import ReferenceNetworks, ReferenceShape
from molgen.graphs.models.statistics import Statistics


def statistics(kinds):
    return Statistics((1 / kinds,) * kinds, (0.7, 0.2, 0.08, 0.02), (0, 1, 2), None)


@pytest.mark.parametrize(
    ("kinds", "options", "counts"),
    [
        (4, {}, (8564, 23825)),
        (9, {"layers": 6}, (11429, 62873)),
        (
            10,
            {"depth": 3, "hidden": 32, "layers": 5, "linears": 2, "attention": 32},
            (72434, 134369),
        ),
    ],
    ids=["QM9", "ZINC250k", "community_small"],
)
def test_networks_have_as_many_parameters_as_the_published_ones(kinds, options, counts):
    networks = ReferenceNetworks(statistics(kinds), ReferenceShape(**options))
    found = [
        sum(p.numel() for p in part.parameters()) for part in (networks.of_nodes, networks.of_edges)
    ]
    assert tuple(found) == counts


def noised(sizes, nodes):
    generator = torch.Generator().manual_seed(0)
    rows = rows_of(torch.tensor(sizes), nodes)
    x = torch.randn(len(sizes), nodes, 4, generator=generator, dtype=torch.float64)
    adj = torch.randn(len(sizes), nodes, nodes, 1, generator=generator, dtype=torch.float64)
    adj = (adj + adj.transpose(1, 2)) * (1 - torch.eye(nodes))[..., None]
    return Batch({"x": rows["x"].zero(x), "adj": rows["adj"].zero(adj)}, rows)


def test_permuted_nodes_give_permuted_answers_and_padding_changes_nothing():
    torch.manual_seed(0)
    networks = ReferenceNetworks(statistics(4), ReferenceShape()).double()
    level = torch.zeros(2, dtype=torch.float64)
    batch = noised([6, 4], 6)
    answer = networks(batch, level)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    moved = networks(
        batch.take(torch.tensor([0])).replace(
            x=batch.state["x"][:1, order], adj=batch.state["adj"][:1, order][:, :, order]
        ),
        level,
    )
    torch.testing.assert_close(moved["x"], answer["x"][:1, order])
    torch.testing.assert_close(moved["adj"], answer["adj"][:1, order][:, :, order])
    torch.testing.assert_close(answer["adj"], answer["adj"].transpose(1, 2))
    small = Batch(
        {"x": batch.state["x"][1:, :4], "adj": batch.state["adj"][1:, :4, :4]},
        rows_of(torch.tensor([4]), 4),
    )
    alone = networks(small, level)
    torch.testing.assert_close(alone["x"], answer["x"][1:, :4])
    torch.testing.assert_close(alone["adj"], answer["adj"][1:, :4, :4])
    assert not answer["x"][1, 4:].any()
    assert not answer["adj"][1, 4:].any()
