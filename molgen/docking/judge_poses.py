"""Docked poses of complexes whose pose is known, judged: what confidence is learned from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from molgen.chem.atom_features import BOND_KINDS, LIGAND_SIZES, POCKET_SIZES
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.pocket import Pocket, centre_of_ligand, cut_pocket
from molgen.chem.receptor import read_receptor
from molgen.chem.rmsd import symmetric_rmsd
from molgen.docking.dock import Docker, Physics
from molgen.docking.fit import fit
from molgen.docking.minimise import minimise
from molgen.docking.pose_set import Judged, PoseSet
from molgen.docking.prepare import complexes
from molgen.docking.system import System
from molgen.docking.system_set import SystemSet
from molgen.docking.torsions import place
from molgen.errors import MolgenError

KICK = 0.3
"""Random motions of the true pose: standard deviation of shift (Å) and angles (rad)."""


def judge_poses(
    docker: Docker,
    folder: Path,
    output: Path,
    *,
    kicked: int = 8,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[tuple[str, str]]:
    """Dock each complex of a folder and judge the poses; returns those left out, with reasons.

    Args:
        docker: that makes the poses.
        folder: see `molgen.docking.prepare.complexes`.
        output: a folder, see `PoseSet`.
        kicked: besides the docked poses, so many random motions of the true one, minimised.
        seed: of all random numbers.
        progress: called with (what, complexes done, complexes in all).
    """
    names, systems, judged, failures = [], [], [], []
    entries = list(complexes(folder))
    for done, (name, protein, file) in enumerate(entries):
        try:
            ligand = read_ligand(file)
            pocket = cut_pocket(read_receptor(protein), centre_of_ligand(ligand))
            system, poses = _judged(docker, pocket, ligand, kicked, seed)
            names.append(name)
            systems.append([system])
            judged.append(poses)
        except MolgenError as error:
            failures.append((name, str(error)))
        if progress:
            progress("docking", done + 1, len(entries))
    vocabulary = {"pocket": POCKET_SIZES, "ligand": LIGAND_SIZES, "bonds": BOND_KINDS}
    PoseSet(SystemSet(names, systems, {"vocabulary": vocabulary}), judged).save(output)
    return failures


def _judged(
    docker: Docker, pocket: Pocket, ligand: Ligand, kicked: int, seed: int
) -> tuple[System, Judged]:
    """The ligand in its pocket, and its poses."""
    found = docker.refined(pocket, ligand, seed)
    assert ligand.pose is not None  # the pocket's centre is from it
    true = torch.as_tensor(ligand.pose - pocket.centre).to(found.poses)
    conformers = torch.as_tensor(found.shapes.conformers).to(true)
    extra = _kicked(found.physics, conformers, true, kicked, seed)
    poses = torch.cat([found.poses, extra])
    evidence = docker.evidence(found, poses)
    positions = poses.double().numpy() + pocket.centre
    rmsd = symmetric_rmsd(ligand.molecule, positions, ligand.pose)
    return found.shapes.systems[0], Judged(
        poses.float(), evidence.float(), torch.as_tensor(np.asarray(rmsd)).float()
    )


def _kicked(physics: Physics, conformers: Tensor, true: Tensor, count: int, seed: int) -> Tensor:
    """So many minima near the true pose: `[count, atoms, 3]` nm."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.arange(count) % len(conformers)
    near = fit(physics.tree, conformers[shape], true.expand(count, -1, -1)).poses
    motion = KICK * torch.randn(count, physics.tree.freedom, generator=generator).to(true)
    motion[:, :3] *= 0.1  # of an Å
    start = place(physics.tree, near, motion)
    return minimise(physics.tree, start, physics.scoring.energy_and_gradient).poses
