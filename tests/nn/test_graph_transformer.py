import math

import pytest
import torch

from molgen.nn.graph_transformer import EdgeAttention, Gate, GraphTransformer


@pytest.fixture
def network():
    torch.manual_seed(0)
    return GraphTransformer(3, 2, hidden=8, layers=2, heads=2, head_width=4).double()


@pytest.fixture
def graphs(generator):
    nodes = torch.randn(4, 5, 3, generator=generator, dtype=torch.float64)
    edges = torch.randn(4, 5, 5, 2, generator=generator, dtype=torch.float64)
    return nodes, edges


def test_nodes_are_permuted_with_their_graph(network, graphs, generator):
    nodes, edges = graphs
    order = torch.randperm(5, generator=generator)
    permuted = network(nodes[:, order], edges[:, order][:, :, order])
    torch.testing.assert_close(permuted, network(nodes, edges)[:, order])


def test_every_node_knows_every_node_and_edge(network, graphs):
    nodes, edges = (x.requires_grad_() for x in graphs)
    network(nodes, edges)[0, 0].sum().backward()
    for x in (nodes, edges):
        assert (x.grad[0].flatten(0, -2).abs().sum(-1) > 0).all()
        assert (x.grad[1:] == 0).all()


def test_padding_changes_nothing(network, graphs, generator):
    """Two nodes more, with wild features: real nodes see none of them, and they come out zero."""
    nodes, edges = graphs
    wild = 100 * torch.randn(4, 7, 3, generator=generator, dtype=torch.float64)
    wild_edges = 100 * torch.randn(4, 7, 7, 2, generator=generator, dtype=torch.float64)
    wild[:, :5], wild_edges[:, :5, :5] = nodes, edges
    mask = torch.arange(7).expand(4, 7) < 5
    padded = network(wild, wild_edges, mask)
    torch.testing.assert_close(padded[:, :5], network(nodes, edges))
    assert (padded[:, 5:] == 0).all()
    empty = network(wild, wild_edges, torch.zeros_like(mask))
    assert (empty == 0).all()  # a graph without nodes is no division by zero


def test_attention_is_its_formula(generator):
    """Written out node by node and head by head."""
    torch.manual_seed(1)
    attention = EdgeAttention(6, heads=2, head_width=3).double()
    h = torch.randn(1, 4, 6, generator=generator, dtype=torch.float64)
    e = torch.randn(1, 4, 4, 6, generator=generator, dtype=torch.float64)
    found = attention(h, e, None)[0]
    q, k, v = (layer(h)[0] for layer in (attention.queries, attention.keys, attention.values))
    added = attention.edges(e)[0]
    for i in range(4):
        heads = []
        for head in range(2):
            part = slice(3 * head, 3 * head + 3)
            logits = torch.stack(
                [q[i, part] @ (k[j, part] + added[i, j, part]) / math.sqrt(3) for j in range(4)]
            )
            a = logits.exp() / logits.exp().sum()
            heads.append(sum(a[j] * (v[j, part] + added[i, j, part]) for j in range(4)))
        torch.testing.assert_close(found[i], attention.out(torch.cat(heads)))


def test_gate_mixes_old_and_new(generator):
    gate = Gate(3).double()
    new, old = (torch.randn(2, 4, 3, generator=generator).double() for _ in range(2))
    with torch.no_grad():
        gate.weigh.weight.zero_()
        torch.testing.assert_close(gate(new, old), 0.5 * (new + old))
        gate.weigh.weight.copy_(torch.tensor([[1e3, 0, 0, 0, 0, 0, 0, 0, 0]]))
        on = (new[..., :1] > 0).double()
        # A sigmoid of 1e3 times a normal number: one in a few hundred is not yet 0 or 1.
        torch.testing.assert_close(gate(new, old), on * new + (1 - on) * old, atol=0.1, rtol=0)


def test_second_derivatives_exist(network, graphs):
    """Scores are gradients, and training differentiates them again."""
    nodes, edges = (x[:1, :3] for x in graphs)
    assert torch.autograd.gradgradcheck(
        lambda n, e: network(n, e).sum(),
        (nodes.clone().requires_grad_(), edges[:, :, :3].clone().requires_grad_()),
    )
