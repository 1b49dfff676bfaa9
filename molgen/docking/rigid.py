"""Atoms to fragments: where each fragment lies when its atoms are laid upon given positions."""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch


def laid_upon(batch: Batch, atoms: Tensor) -> Batch:
    """The poses whose fragments lie as near to given positions of the atoms as they get.

    Kabsch 1976, for each fragment over its points (a dummy's aim is the atom it copies).

    Args:
        batch: of the same ligands.
        atoms: `[graphs, A, 3]` nm.
    """
    given, system = batch.given, batch.given["system"]
    atom, body = given["atom"][system], given["body"][system]
    graph = torch.arange(len(system), device=atoms.device)[:, None]
    aims = atoms[graph, atom]
    count = batch.state["trans"].shape[1]
    own = given["fragment"][system][:, None] == torch.arange(count, device=atoms.device)[:, None]
    own = (own & given["point_mask"][system][:, None]).to(atoms)  # [g, K, N]
    centres = (own @ aims) / own.sum(-1, keepdim=True).clamp_min(1)
    moments = torch.einsum("gkn,gni,gnj->gkij", own, aims, body)  # bodies have their mean at 0
    u, _, vt = torch.linalg.svd(moments)
    sign = torch.ones_like(u[..., 0])
    sign[..., 2] = torch.linalg.det(u @ vt)
    eye = torch.eye(3).to(atoms)
    rows = batch.rows["rot"]
    rot = rows.zero((u * sign[..., None, :]) @ vt - eye) + eye
    return batch.replace(trans=rows.zero(centres), rot=rot)
