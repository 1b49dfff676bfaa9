import pytest
import torch

from molgen.nn.node_pair_transformer import NodePairTransformer, Shape
from molgen.nn.pairs import Pairs


@pytest.fixture(params=["mean", "root"])
def network(request):
    torch.manual_seed(0)
    network = NodePairTransformer(
        (3, 2, 1),
        (3, 2, 4),
        Pairs(7),
        Shape(width=16, pair_width=8, whole_width=8, layers=2, heads=2, sums=request.param),
    ).double()
    for parameter in network.parameters():  # blocks start as the identity: wake them
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def features(nodes, graphs=2):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(graphs, nodes, 3, generator=generator, dtype=torch.float64)
    e = torch.randn(graphs, nodes, nodes, 2, generator=generator, dtype=torch.float64)
    y = torch.randn(graphs, 1, generator=generator, dtype=torch.float64)
    return x, e + e.transpose(1, 2), y


def test_permuted_nodes_give_permuted_answers(network):
    x, e, y = features(6)
    pairs = network.pairs
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    h, f, z = network(x, pairs.pack(e), y, None)
    h2, f2, z2 = network(x[:, order], pairs.pack(e[:, order][:, :, order]), y, None)
    torch.testing.assert_close(h2, h[:, order])
    square = pairs.square(f, 6)[:, order][:, :, order]
    torch.testing.assert_close(pairs.square(f2, 6), square)
    torch.testing.assert_close(z2, z)


def test_sums_over_nodes_are_divided_by_their_number_or_its_root():
    """Of four nodes, four or two: half of what is made of the sums makes up for that."""
    torch.manual_seed(0)
    shape = {"width": 16, "pair_width": 8, "whole_width": 8, "layers": 1, "heads": 2}
    mean, root = (
        NodePairTransformer((3, 2, 1), (3, 2, 4), Pairs(7), Shape(**shape, sums=sums)).double()
        for sums in ("mean", "root")
    )
    for parameter in mean.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    halved = mean.state_dict()
    for name in ("gather.weight", "gather.bias"):
        halved[f"layers.0.{name}"] = halved[f"layers.0.{name}"] / 2
    pair_in = halved["layers.0.pair_in.weight"].clone()
    pair_in[:, 16:] /= 2  # what comes of triangles
    root.load_state_dict({**halved, "layers.0.pair_in.weight": pair_in})
    for nodes, same in ((4, True), (6, False)):
        x, e, y = features(nodes)
        answers = (net(x, net.pairs.pack(e), y, None) for net in (mean, root))
        for one, other in zip(*answers, strict=True):
            assert torch.allclose(one, other) == same


@pytest.mark.parametrize("size", [4, 1])
def test_padding_changes_nothing(network, size):
    x, e, y = features(7)
    mask = torch.arange(7) < torch.tensor([[size], [7]])
    h, f, z = network(x, network.pairs.pack(e), y, mask)
    alone = network(x[:1, :size], network.pairs.pack(e[:1, :size, :size]), y[:1], None)
    torch.testing.assert_close(h[:1, :size], alone[0])
    torch.testing.assert_close(f[:1, : size * (size - 1) // 2], alone[1])
    torch.testing.assert_close(z[:1], alone[2])


def test_it_tells_two_triangles_from_a_ring_of_six(network):
    """Both are 2-regular on six nodes: attention alone sees no difference between them."""
    ring, triangles = torch.zeros(2, 1, 6, 6, 2, dtype=torch.float64)
    for i in range(6):
        j, k = (i + 1) % 6, 3 * (i // 3) + (i + 1) % 3
        ring[:, i, j] = ring[:, j, i] = 1
        triangles[:, i, k] = triangles[:, k, i] = 1
    x, y = torch.ones(1, 6, 3, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    answers = [network(x, network.pairs.pack(e), y, None)[2] for e in (ring, triangles)]
    assert (answers[0] - answers[1]).abs().max() > 1e-6  # rounding is 1e-15


def test_pairs_pack_and_unpack_symmetric_squares():
    pairs = Pairs(5)
    square = torch.arange(50.0).reshape(1, 5, 5, 2)
    square = square + square.transpose(1, 2)
    square[:, range(5), range(5)] = 0
    torch.testing.assert_close(pairs.square(pairs.pack(square), 5), square)
    torch.testing.assert_close(pairs.around(pairs.pack(square), 5), square.sum(2))
    smaller = square[:, :3, :3]
    torch.testing.assert_close(pairs.square(pairs.pack(smaller), 3), smaller)
