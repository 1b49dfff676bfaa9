"""Which node of one graph goes to which of another, when both are tensors of nodes and of pairs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from molgen.core.losses.assignment import assigned
from molgen.core.rows import DenseRows, Rows
from molgen.errors import UsageError


def matched_nodes(
    rows: Mapping[str, Rows], x: Mapping[str, Tensor], eps: Mapping[str, Tensor], rounds: int = 3
) -> dict[str, Tensor]:
    """`eps` with its nodes in an order that makes its product with `x` large.

        sum_a <x_a, eps_p(a)> + 1/2 sum_ab <x_ab, eps_p(a)p(b)>

    The best order is a quadratic assignment problem, which nobody solves in a training step. Its
    linear part about a guess, and about that answer again, is solved exactly (the Frank-Wolfe steps
    of Vogelstein et al. 2015, without their line search), the first guess being that any node goes
    to any other alike; what is best of them and the order as it was is taken.

    Args:
        rows: of each field, of one graph: (N,) for nodes, (N, N) for symmetric pairs.
        x: `[pairs, N, .]` and `[pairs, N, N, .]`.
        eps: alike.
        rounds: linear assignments.

    Raises:
        UsageError: a field is of neither nodes nor pairs.
    """
    order = _Orders.of(rows)
    real = {name: (order.real(name, x[name]), order.real(name, eps[name])) for name in x}
    nodes = [real[name] for name in real if name not in order.of_pairs]
    edges = [real[name] for name in real if name in order.of_pairs]
    like = next(iter(x.values()))
    count, n = len(like), len(order.nodes)
    unary = like.new_zeros(count, n, n)
    for a, b in nodes:
        unary = unary + a.flatten(2) @ b.flatten(2).mT

    best = torch.arange(n, device=like.device).expand(count, n)
    most = _value(nodes, edges, best)
    guess = like.new_full((count, n, n), 1 / n)
    for _ in range(rounds):
        gain = unary
        for a, b in edges:
            gain = gain + torch.einsum("kabc,kbd,kedc->kae", a.flatten(3), guess, b.flatten(3))
        found = assigned(gain)
        value = _value(nodes, edges, found)
        best = torch.where((value > most)[:, None], found, best)
        most = torch.maximum(value, most)
        guess = torch.nn.functional.one_hot(found, n).to(like)
    return {name: order.moved(name, values, best) for name, values in eps.items()}


def _value(
    nodes: list[tuple[Tensor, Tensor]], edges: list[tuple[Tensor, Tensor]], found: Tensor
) -> Tensor:
    """What is to be made large, of orders `[pairs, n]`: `[pairs]`."""
    k = torch.arange(len(found), device=found.device)[:, None]
    total = torch.zeros(len(found), device=found.device)
    for a, b in nodes:
        total = total + (a * b[k, found]).flatten(1).sum(1)
    for a, b in edges:
        moved = b[k[..., None], found[:, :, None], found[:, None, :]]
        total = total + 0.5 * (a * moved).flatten(1).sum(1)
    return total


class _Orders:
    """The nodes of a graph that are real, and how an order of them changes each field."""

    def __init__(self, nodes: Tensor, of_pairs: frozenset[str]) -> None:
        self.nodes, self.of_pairs = nodes, of_pairs

    @classmethod
    def of(cls, rows: Mapping[str, Rows]) -> _Orders:
        sizes, of_pairs, mask = set(), set(), None
        for name, own in rows.items():
            axes = own.axes if isinstance(own, DenseRows) else ()
            if len(axes) not in (1, 2) or len(set(axes)) != 1:
                raise UsageError(f"pairing: field '{name}' is of neither nodes nor pairs of nodes")
            sizes.add(axes[0])
            if len(axes) == 2:
                of_pairs.add(name)
            elif isinstance(own, DenseRows) and own.mask is not None:
                mask = own.mask[0]
        if len(sizes) != 1 or len(of_pairs) == len(rows):
            raise UsageError("pairing: permutations are of nodes, which need a field of their own")
        (size,) = sizes
        nodes = torch.arange(size) if mask is None else mask.nonzero()[:, 0]
        return cls(nodes, frozenset(of_pairs))

    def real(self, name: str, values: Tensor) -> Tensor:
        """Without padding: `[k, n, .]` or `[k, n, n, .]`."""
        nodes = self.nodes.to(values.device)
        part = values[:, nodes]
        return part[:, :, nodes] if name in self.of_pairs else part

    def moved(self, name: str, values: Tensor, order: Tensor) -> Tensor:
        """`values` with real node `order[a]` where `a` was."""
        nodes = self.nodes.to(values.device)
        k = torch.arange(len(values), device=values.device)[:, None]
        to = torch.arange(values.shape[1], device=values.device).repeat(len(values), 1)
        to[:, nodes] = nodes[order]
        if name in self.of_pairs:
            return values[k[..., None], to[:, :, None], to[:, None, :]]
        return values[k, to]
