r"""Derivatives of a score in space, in tangent coordinates, on any product of manifolds.

A score s = s^i e_i is written in a frame of tangent fields e_i, so that its derivative along v is

    (J v)^i = D_v s^i + 1/2 [v, s]^i,    D_v s = d/dh s(exp(x, h v)) at h = 0,

the covariant derivative of a metric that the frame is orthonormal in and that both sides' moves
keep: the bracket vanishes in flat space and is v x s about the body's axes of a rotation (Milnor
1976, lemma 7.1). For a gradient, J is the symmetric Hessian of log q; its trace is div s. All is
exact, by forward or reverse differentiation.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.models import ScoreModel
from molgen.core.processes import Processes
from molgen.core.random import Random

Tangent = Mapping[str, Tensor]
"""A tangent vector of every graph, field by field."""


def moved(processes: Processes, batch: Batch, directions: Tangent, h: Tensor) -> Batch:
    """The batch with the fields in `directions` moved along geodesics by h v; `h`: `[graphs]`."""
    return batch.replace(
        **{
            name: processes[name].manifold.exp(
                batch.state[name], batch.rows[name].spread(h, v) * v, batch.rows[name]
            )
            for name, v in directions.items()
        }
    )


def probes(processes: Processes, batch: Batch, generator: Random) -> dict[str, Tensor]:
    """Random tangent directions v with E[v v^T] = 1 and |v|^2 = D exactly, in each field.

    The fixed length takes the isotropic part of the Jacobian, which dominates at large noise, out
    of the variance of the trace estimate v.Jv.
    """
    directions = {}
    for name, process in processes.items():
        x, rows = batch.state[name], batch.rows[name]
        v = process.manifold.noise(x, rows, generator)
        length2 = process.manifold.inner(v, v, rows)
        directions[name] = v * rows.spread(
            torch.sqrt(process.manifold.dim(x, rows) / length2.clamp_min(1e-12)), v
        )
    return directions


def along(
    model: ScoreModel, processes: Processes, batch: Batch, t: Tensor, directions: Tangent
) -> dict[str, Tensor]:
    """<v, J v> of each field, the graphs moved in all fields of `directions` at once: `[graphs]`.

    By reverse differentiation, and differentiable again where gradients are recorded.
    """
    keep_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        h = torch.zeros_like(t, requires_grad=True)
        score = model.score(moved(processes, batch, directions, h), t)
        slopes = {}
        for name, v in directions.items():
            q = processes[name].manifold.inner(score[name], v, batch.rows[name]).sum()
            (slopes[name],) = torch.autograd.grad(q, h, create_graph=keep_graph, retain_graph=True)
    return slopes


def divergences(
    model: ScoreModel,
    processes: Processes,
    batch: Batch,
    t: Tensor,
    *,
    probed: int = 0,
    generator: Random = None,
) -> dict[str, Tensor]:
    """div s of each field: `[graphs]`.

    Args:
        model: the score.
        processes: of each field.
        batch: points.
        t: `[graphs]`, their times.
        probed: average v.Jv over so many random probes; 0: sum it over a frame, which is exact.
        generator: for the probes.
    """
    total = {name: torch.zeros_like(t) for name in processes}
    for _ in range(probed):
        directions = probes(processes, batch, generator)
        for name, v in directions.items():
            slope = along(model, processes, batch, t, {name: v})[name]
            total[name] = total[name] + slope / probed
    if not probed:
        for name, process in processes.items():
            for v in process.manifold.frame(batch.state[name], batch.rows[name]):
                slope = along(model, processes, batch, t, {name: v})[name]
                total[name] = total[name] + slope
    return total


def times(
    model: ScoreModel, processes: Processes, batch: Batch, t: Tensor, v: Tangent
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The score s, and its covariant derivative J v along the tangent vector `v` of all fields."""

    def at(h: Tensor) -> dict[str, Tensor]:
        return model.score(moved(processes, batch, v, h), t)

    found = torch.func.jvp(at, (torch.zeros_like(t),), (torch.ones_like(t),))
    score, slope = found[0], found[1]
    return score, {
        name: slope[name] + 0.5 * processes[name].manifold.bracket(v[name], score[name])
        for name in score
    }


def transposed_times(
    model: ScoreModel, processes: Processes, batch: Batch, t: Tensor, u: Tangent
) -> dict[str, Tensor]:
    """J^T u, with <J^T u, v> = <u, J v> for every v: one reverse pass."""
    with torch.enable_grad():
        state = {name: x.detach().requires_grad_() for name, x in batch.state.items()}
        score = model.score(batch.replace(**state), t)
        inner = [
            process.manifold.inner(score[name], u[name], batch.rows[name]).sum()
            for name, process in processes.items()
        ]
        found = torch.autograd.grad(
            torch.stack(inner).sum(), list(state.values()), materialize_grads=True
        )
    pulled = {}
    for (name, x), ambient in zip(state.items(), found, strict=True):
        manifold, rows = processes[name].manifold, batch.rows[name]
        gradient = manifold.gradient(x.detach(), ambient, rows)
        pulled[name] = gradient + 0.5 * manifold.bracket(score[name].detach(), u[name])
    return pulled
