r"""Noise that is paired with data: the near with the near, instead of at random.

Within groups of a batch, the noise eps that was drawn for one graph goes to another, so that the
sum of squared distances |x_0 - eps|^2 is least (immiscible diffusion, Li et al. 2024; minibatch
optimal transport, Tong et al. 2024); if wanted after each was moved by a symmetry of the data
towards the graph that it may go to (equivariant flow matching, Klein et al. 2023). Paths from noise
to data then cross less. All the noise of a group is used, so that noise by itself remains white;
so does what a symmetry moved once pairs are turned at random, which a model with the symmetry
cannot tell from pairs that are not.

What is learned is no longer the score. Of any pairs, x_t = m x_0 + s eps, and the best answer to
the target -eps / s is -E[eps | x_t] / s. The velocity

    m' E[x_0 | x_t] + s' E[eps | x_t] = a x_t + (s' - a s) E[eps | x_t]

is linear in it and is that of the paired path: solvers of the probability flow reach the data. But
grad log q = -E[eps | x_t] / s for independent noise alone. Gaussian data of width d, perfectly
paired, have

    -E[eps | x_t] / s = -x / (s (m d + s)),    grad log q = -x / (m d + s)^2,

and the ratio of the two goes to infinity with s -> 0. So solvers of the reverse SDE and Langevin
corrections are wrong, as is whatever takes the answer for that of a density: energies, forces, the
Fokker-Planck equation. Nor is E[eps | x_t] a gradient, in general. And a model must not be given
anything beside the state: given a pocket, the noise of its ligands would not be white.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from molgen.core.batch import Batch, DenseRows
from molgen.core.losses.assignment import assigned
from molgen.core.losses.node_matching import matched_nodes
from molgen.core.manifolds import Centred
from molgen.core.processes import Processes
from molgen.core.processes.linear import LinearProcess
from molgen.errors import UsageError

Symmetry = Literal["none", "rotations", "permutations"]
"""Over what noise is moved: the data, and the model, must have the symmetry."""


def paired_noise(
    processes: Processes,
    batch: Batch,
    generator: torch.Generator | None,
    *,
    group: int,
    symmetry: Symmetry = "none",
) -> dict[str, Tensor]:
    """White noise of every field, paired with the clean state of a batch.

    Args:
        processes: the linear process of each field.
        batch: clean.
        generator: of the noise.
        group: graphs of one shape among which noise is exchanged.
        symmetry: over what it is moved.

    Raises:
        UsageError: fields that cannot be paired, or do not have the symmetry.
    """
    _require_flat(processes, batch, symmetry)
    noise = {
        name: process.manifold.noise(batch.state[name], batch.rows[name], generator)
        for name, process in processes.items()
    }
    paired = dict(noise)
    for members in _groups(batch, group):
        count = len(members)
        clean, noisy = members.repeat_interleave(count), members.repeat(count)
        moved = _moved(batch, noise, clean, noisy, symmetry)
        chosen = assigned(_products(processes, batch, clean, moved).reshape(1, count, count))[0]
        pair = torch.arange(count, device=members.device) * count + chosen
        for name, values in moved.items():
            paired[name] = paired[name].index_copy(0, members, values[pair])
    return paired


def _require_flat(processes: Processes, batch: Batch, symmetry: Symmetry) -> None:
    for name, process in processes.items():
        if not isinstance(process, LinearProcess) or not isinstance(batch.rows[name], DenseRows):
            raise UsageError(f"pairing: field '{name}' has no noise that graphs could exchange")
        if getattr(process, "latent", 0.0):
            raise UsageError(f"pairing: '{name}' has latent noise, which cannot be paired")
        turns = isinstance(process.manifold, Centred) and batch.state[name].shape[-1] in (2, 3)
        if symmetry == "rotations" and not turns:
            raise UsageError(f"pairing: field '{name}' is no positions that rotate together")


def _groups(batch: Batch, size: int) -> list[Tensor]:
    """int64 `[up to size]` each: graphs with the same rows, in the order of the batch."""
    order = torch.arange(batch.graphs, device=next(iter(batch.state.values())).device)
    masks = [
        rows.mask.flatten(1)
        for rows in batch.rows.values()
        if isinstance(rows, DenseRows) and rows.mask is not None
    ]
    if not masks:
        return list(torch.split(order, size))
    _, shape = torch.unique(torch.cat(masks, 1), dim=0, return_inverse=True)
    alike = [order[shape == k] for k in range(int(shape.max()) + 1)]
    return [part for members in alike for part in torch.split(members, size)]


def _moved(
    batch: Batch, noise: Mapping[str, Tensor], clean: Tensor, noisy: Tensor, symmetry: Symmetry
) -> dict[str, Tensor]:
    """The noise of graphs `noisy`, moved towards the state of graphs `clean` (int64 `[pairs]`)."""
    eps = {name: values[noisy] for name, values in noise.items()}
    x = {name: batch.state[name][clean] for name in eps}
    if symmetry == "rotations":
        return _turned(x, eps)
    if symmetry == "permutations":
        return matched_nodes({name: batch.rows[name].take(clean[:1])[0] for name in eps}, x, eps)
    return eps


def _turned(x: Mapping[str, Tensor], eps: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`eps` `[pairs, rows, d]` of all fields, turned by the rotation that is best for `x`.

    Kabsch 1976; without reflections, which would make another molecule of it.
    """
    covariance = torch.stack([eps[name].mT @ x[name] for name in eps]).sum(0)
    u, _, vh = torch.linalg.svd(covariance)
    sign = torch.linalg.det(u @ vh)
    last = torch.ones_like(covariance[:, 0])
    last[:, -1] = sign
    turn = (u * last[:, None]) @ vh
    return {name: values @ turn for name, values in eps.items()}


def _products(
    processes: Processes, batch: Batch, clean: Tensor, eps: Mapping[str, Tensor]
) -> Tensor:
    """<x_0, eps> of pairs, summed over fields: `[pairs]`; -|x_0 - eps|^2 / 2 but for constants."""
    products = [
        process.manifold.inner(batch.state[name][clean], eps[name], batch.rows[name].take(clean)[0])
        for name, process in processes.items()
    ]
    return torch.stack(products).sum(0)
