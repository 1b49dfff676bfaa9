"""Docked poses of complexes whose pose is known, judged: what confidence is learned from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import torch

from molgen.chem.atom_features import VOCABULARY
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.pocket import Pocket
from molgen.chem.receptor import read_receptor
from molgen.chem.rmsd import symmetric_rmsd
from molgen.docking.data.pose_set import Judged, PoseSet
from molgen.docking.data.prepare import complexes, known_pocket
from molgen.docking.data.system_set import SystemSet
from molgen.docking.dock import Docker
from molgen.errors import MolgenError, UsageError
from molgen.files import write_text
from molgen.parts import parts_of

_REASON = "reason.txt"
"""Why a complex was left out."""


def judge_poses(
    docker: Docker,
    folder: Path,
    output: Path,
    *,
    only: Collection[str] | None = None,
    weights: str = "",
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[tuple[str, str]]:
    """Dock each complex of a folder and judge the poses; returns those left out, with reasons.

    Interrupted, the same call goes on where it stopped (see `molgen.parts`).

    Args:
        docker: that makes the poses.
        folder: see `molgen.docking.data.prepare.complexes`.
        output: a folder, see `PoseSet`.
        only: names of the complexes to dock; all if None.
        weights: fingerprint of the docker's model, so that no other goes on.
        seed: of all random numbers.
        progress: called with (what, complexes done, complexes in all).

    Raises:
        UsageError: the folder holds no complex, none can be used, or another run has begun to
            write the output.
    """
    entries = [entry for entry in complexes(folder) if only is None or entry[0] in only]
    if not entries:
        raise UsageError(f"{folder}: none of its complexes is among those that are asked for")
    identity = {
        "complexes": [name for name, *_ in entries],
        "weights": weights,
        "sampling": docker.sampling.model_dump(mode="json"),
        "docking": docker.table.model_dump(mode="json"),
        "seed": seed,
    }
    with parts_of(output, identity) as parts:
        for number, (name, protein, file) in enumerate(entries):
            if not parts.done(number):
                with parts.make(number) as part:
                    try:
                        ligand = read_ligand(file)
                        pocket = known_pocket(read_receptor(protein), ligand)
                        _judged(docker, name, pocket, ligand, seed).save(part)
                    except MolgenError as error:
                        write_text(part / _REASON, str(error))
            if progress:
                progress("docking", number + 1, len(entries))
        made = [parts[number] for number in range(len(entries))]
        failures = [
            (entry[0], (part / _REASON).read_text())
            for entry, part in zip(entries, made, strict=True)
            if (part / _REASON).exists()
        ]
        if len(failures) == len(entries):
            raise UsageError(f"{folder}: none of its complexes can be used: {failures[0][1]}")
        whole = [PoseSet.load(part) for part in made if not (part / _REASON).exists()]
        PoseSet.joined(whole).save(output)
    return failures


def _judged(docker: Docker, name: str, pocket: Pocket, ligand: Ligand, seed: int) -> PoseSet:
    """The poses of one ligand."""
    found = docker.refined(pocket, ligand, seed)
    assert ligand.pose is not None  # the pocket's centre is from it
    evidence = docker.evidence(found, found.poses)
    positions = found.poses.double().numpy() + pocket.centre
    rmsd = symmetric_rmsd(ligand.molecule, positions, ligand.pose)
    judged = Judged(
        found.poses.float(), evidence.float(), torch.as_tensor(np.asarray(rmsd)).float()
    )
    systems = SystemSet([name], [[found.shapes.systems[0]]], {"vocabulary": VOCABULARY})
    return PoseSet(systems, [judged])
