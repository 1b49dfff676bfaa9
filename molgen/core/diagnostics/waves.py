"""Smooth functions of a state, on any product of manifolds, and their gradients.

Of a state x scaled to unit size there are waves cos(<w, x> + b) of random w, which tell every row
from every other; sums over rows of waves of one row, of each field in turn, which do not; and half
the square of x. Rows may be packed or padded: w is a hash of the place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Streams

_SHORTEST, _LONGEST = 0.5, 4.0
"""Of <w, x>, its standard deviation, evenly in the logarithm."""


def gradients(
    processes: Processes, batch: Batch, t: Tensor, count: int, *, seed: int = 0
) -> tuple[Batch, dict[str, Tensor]]:
    """Gradients of `count` functions, the same at every call with a seed, at every graph.

    Returns:
        The batch `count` times one after the other, and the gradient of function k at its k-th
        copy, in tangent coordinates.
    """
    like = next(iter(batch.state.values()))
    graph = torch.arange(batch.graphs, device=like.device).repeat(count)
    which = torch.arange(count, device=like.device).repeat_interleave(batch.graphs)
    many, times = batch.take(graph), t[graph]
    with torch.enable_grad():
        state = {name: x.detach().requires_grad_() for name, x in many.state.items()}
        total = values(processes, many.replace(**state), times, which, count, seed).sum()
        found = torch.autograd.grad(total, list(state.values()), materialize_grads=True)
    return many, {
        name: processes[name].manifold.gradient(many.state[name], ambient, many.rows[name])
        for name, ambient in zip(state, found, strict=True)
    }


def values(
    processes: Processes, batch: Batch, t: Tensor, which: Tensor, count: int, seed: int
) -> Tensor:
    """Function `which` (int64 `[graphs]`, of `count`) of each graph: `[graphs]`."""
    generator = torch.Generator().manual_seed(seed)
    like = next(iter(batch.state.values()))
    reach = _SHORTEST * (_LONGEST / _SHORTEST) ** torch.rand(count, generator=generator)
    phase = 2 * torch.pi * torch.rand(count, generator=generator)
    reach, phase = reach.to(like)[which], phase.to(like)[which]
    streams = Streams(which + 1_000_003 * (seed + 1))
    wave, size = torch.zeros_like(t), torch.zeros_like(t)
    square = torch.zeros_like(t)
    by_row = []
    for name, process in processes.items():
        x, rows = batch.state[name], batch.rows[name]
        scaled = process.standardised(x, t, rows)
        w = streams.normal(x, rows)
        wave = wave + _sum(rows.total(w * scaled))
        size = size + rows.count(x) * rows.width(x)
        square = square + 0.5 * _sum(rows.total(scaled.square()))
        features = rows.total(x).shape[1:]
        one = torch.randn(count, *features, generator=generator).to(like)[which]
        inner = (rows.back(one, x) * scaled).reshape(*_leading(x, features), -1).sum(-1)
        turn = rows.spread(reach / rows.width(x) ** 0.5, inner) * inner
        total = rows.total(torch.cos(turn + rows.spread(phase, inner)))
        by_row.append(total / rows.count(x).clamp_min(1).sqrt())
    whole = torch.cos(reach * wave / size.sqrt() + phase)
    chosen = torch.stack(by_row)[which // 2 % len(by_row), torch.arange(len(t), device=t.device)]
    return torch.where(which == 0, square, torch.where(which % 2 == 1, whole, chosen))


def _leading(x: Tensor, features: torch.Size) -> torch.Size:
    """The axes of `x` before those of a row's features."""
    return x.shape[: x.ndim - len(features)]


def _sum(per_graph: Tensor) -> Tensor:
    return per_graph.reshape(len(per_graph), -1).sum(1)
