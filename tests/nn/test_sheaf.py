"""Against the graph Laplacian, sheaves whose global sections are known, and the symmetries."""

import networkx
import pytest
import torch

from molgen.errors import UsageError
from molgen.nn.node_pair_transformer import NodePairTransformer, Shape
from molgen.nn.pairs import Pairs
from molgen.nn.sheaf import SheafDiffusion, inverse_root, normalised, sheaf_laplacian

KINDS = ["diagonal", "orthogonal", "general"]


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def block_matrix(maps, weights):
    """delta^T W delta from its definition, one coboundary row a pair; one graph."""
    n, d = maps.shape[1], maps.shape[-1]
    rows = []
    for i in range(n):
        for j in range(i + 1, n):
            row = torch.zeros(d, n, d, dtype=maps.dtype)
            row[:, i], row[:, j] = maps[0, i, j], -maps[0, j, i]
            rows.append(weights[0, i, j].sqrt() * row.reshape(d, n * d))
    delta = torch.cat(rows)
    return delta.mT @ delta


def symmetric_weights(n):
    weights = normal(1, n, n, seed=1).sigmoid()
    return 0.5 * (weights + weights.mT) * (1 - torch.eye(n))


def plain(maps, weights):
    """L as one matrix, from its blocks."""
    between, within = sheaf_laplacian(maps, weights)
    blocks = between + torch.eye(maps.shape[1])[:, :, None, None] * within[:, :, None]
    return blocks.transpose(2, 3).flatten(3).flatten(1, 2)[0]


@pytest.mark.parametrize("d", [1, 3])
def test_with_identity_maps_it_is_the_laplacian_of_the_graph(d):
    graph = networkx.petersen_graph()
    weights = torch.from_numpy(networkx.to_numpy_array(graph))[None]
    maps = torch.eye(d, dtype=torch.float64).expand(1, 10, 10, d, d)
    expected = torch.from_numpy(networkx.normalized_laplacian_matrix(graph).toarray())
    found = normalised(*sheaf_laplacian(maps, weights), regular=0.0)[0]
    torch.testing.assert_close(found, torch.kron(expected, torch.eye(d, dtype=torch.float64)))
    # a step of heat makes neighbours alike: x - L x is the mean over neighbours of a regular graph
    x = normal(10 * d, 2)
    mean = torch.kron(weights[0] / 3, torch.eye(d, dtype=torch.float64)) @ x
    torch.testing.assert_close(x - found @ x, mean)


def test_blocks_are_those_of_the_coboundary():
    maps, weights = normal(1, 5, 5, 3, 3), symmetric_weights(5)
    torch.testing.assert_close(plain(maps, weights), block_matrix(maps, weights))


@pytest.mark.parametrize("kind", KINDS)
def test_the_normalised_laplacian_is_symmetric_with_eigenvalues_from_0_to_2(kind):
    torch.manual_seed(0)
    sheaf = SheafDiffusion(8, 6, stalk=4, maps=kind).double()
    e = normal(2, 6, 6, 6, seed=2)
    real = torch.tensor([[1.0] * 6, [1.0] * 4 + [0.0] * 2], dtype=torch.float64)
    delta = sheaf.laplacian(normal(2, 6, 8), e + e.transpose(1, 2), real)
    torch.testing.assert_close(delta, delta.mT)
    values = torch.linalg.eigvalsh(delta)
    assert values.min() > -1e-9
    # 2 (D - L / 2) = sum |F_i x_i + F_j x_j|^2 is not negative either
    assert values.max() < 2 + 1e-9
    # the diagonal blocks are the identity, less what keeps them regular
    assert (delta.diagonal(dim1=1, dim2=2)[0] <= 1 + 1e-9).all()


def test_its_kernel_are_the_global_sections():
    """Maps F_ij = G_i of a frame at each node: all agree where x_i = G_i^-1 c, for any c."""
    n, d = 5, 3
    G = normal(n, d, d) + 2 * torch.eye(d)
    maps, weights = G[None, :, None].expand(1, n, n, d, d), symmetric_weights(n)
    sections = torch.linalg.inv(G).reshape(n * d, d)
    L = plain(maps, weights)
    torch.testing.assert_close(L @ sections, torch.zeros_like(sections), atol=1e-10, rtol=0)
    values = torch.linalg.eigvalsh(L)
    assert (values[:d].abs() < 1e-10).all()  # as many as a stalk has dimensions, and no more
    assert values[d] > 1e-3
    # of the normalised one: D^1/2 times these
    within = sheaf_laplacian(maps, weights)[1]
    delta = normalised(*sheaf_laplacian(maps, weights), regular=0.0)[0]
    root = torch.linalg.inv(inverse_root(within)[0])
    moved = (root @ sections.reshape(n, d, d)).reshape(n * d, d)
    # 18 steps leave 1e-8 of the inverse roots of blocks of condition 1e3
    torch.testing.assert_close(delta @ moved, torch.zeros_like(moved), atol=1e-6, rtol=0)


@pytest.mark.parametrize("condition", [1.0, 1e2, 1e5])
def test_inverse_roots_are_those_of_the_eigenvalues(condition):
    Q = torch.linalg.qr(normal(7, 4, 4))[0]
    values = torch.logspace(0, 1, 4, base=condition, dtype=torch.float64) / 30
    found = inverse_root(Q @ torch.diag_embed(values).expand(7, 4, 4) @ Q.mT)
    expected = Q @ torch.diag_embed(values.rsqrt()).expand(7, 4, 4) @ Q.mT
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


def test_orthogonal_maps_keep_lengths():
    torch.manual_seed(0)
    sheaf = SheafDiffusion(8, 6, stalk=4, maps="orthogonal").double()
    F = sheaf.as_maps(3 * normal(5, 6), 4)
    torch.testing.assert_close(F @ F.mT, torch.eye(4, dtype=torch.float64).expand(5, 4, 4))


def network(**options):
    torch.manual_seed(0)
    made = NodePairTransformer(
        (3, 2, 1),
        (3, 2, 4),
        Pairs(7),
        Shape(width=16, pair_width=8, whole_width=8, layers=2, **options),
    ).double()
    for parameter in made.parameters():  # blocks start as the identity: wake them
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def features(nodes):
    e = normal(2, nodes, nodes, 2, seed=1)
    return normal(2, nodes, 3), e + e.transpose(1, 2), normal(2, 1, seed=2)


@pytest.mark.parametrize("kind", KINDS)
def test_permuted_nodes_give_permuted_answers(kind):
    net = network(block="sheaf", maps=kind)
    x, e, y = features(6)
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    h, f, z = net(x, net.pairs.pack(e), y, None)
    h2, f2, z2 = net(x[:, order], net.pairs.pack(e[:, order][:, :, order]), y, None)
    torch.testing.assert_close(h2, h[:, order])
    square = net.pairs.square(f, 6)[:, order][:, :, order]
    torch.testing.assert_close(net.pairs.square(f2, 6), square)
    torch.testing.assert_close(z2, z)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind):
    net = network(block="sheaf", maps=kind)
    x, e, y = features(7)
    mask = torch.arange(7) < torch.tensor([[4], [7]])
    h, f, z = net(x, net.pairs.pack(e), y, mask)
    alone = net(x[:1, :4], net.pairs.pack(e[:1, :4, :4]), y[:1], None)
    torch.testing.assert_close(h[:1, :4], alone[0])
    torch.testing.assert_close(f[:1, :6], alone[1])
    torch.testing.assert_close(z[:1], alone[2])


def test_the_sheaf_is_felt_and_a_single_node_has_none():
    net = network(block="sheaf")
    x, e, y = features(6)
    before = net(x, net.pairs.pack(e), y, None)[0]
    with torch.no_grad():
        net.layers[0].sheaf.entries.weight.mul_(-1)
    assert (net(x, net.pairs.pack(e), y, None)[0] - before).abs().max() > 1e-6
    alone = net(x[:, :1], net.pairs.pack(e[:, :1, :1]), y, None)
    assert torch.isfinite(alone[0]).all()


def test_second_derivatives_exist_where_all_maps_are_alike():
    """Energies are differentiated twice; the entries of maps start near zero."""
    sheaf = SheafDiffusion(4, 3, stalk=2, maps="general").double()
    torch.nn.init.zeros_(sheaf.entries.weight)
    torch.nn.init.zeros_(sheaf.entries.bias)
    e, h = normal(1, 3, 3, 3), normal(1, 3, 4)
    e, real = e + e.transpose(1, 2), torch.ones(1, 3, dtype=torch.float64)
    assert torch.autograd.gradgradcheck(
        lambda h: sheaf(h, e, real), (h.requires_grad_(),), atol=1e-4
    )


def test_a_stalk_that_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="width 10 is no multiple of the stalk's 4"):
        SheafDiffusion(10, 3)
