r"""Log q of poses: of the centres and orientations of the fragments that a pose is made of.

    log q(T_1, R_1, ..., T_K, R_K | shape of each fragment, pocket)

per nm^3 of each centre and per unit of the volume 8 pi^2 of each orientation. Docking hands out
what a search made of drawn poses, so it is of those that log q is told: their own fragments, as
they lie, taken for a draw at the smallest noise of the model. Fragments are cut in one of the
smallest ways, the same for all poses of a ligand, whose log q may be compared; those of other
ligands, of other numbers of fragments, may not.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from molgen.chem.fragments import fragment
from molgen.chem.known_pose import known_pose
from molgen.chem.ligand import Ligand, Unreadable, read_ligands
from molgen.chem.pocket import Pocket
from molgen.chem.vina_ligand import vina_ligand
from molgen.consistency import Geometry
from molgen.core.batch import Batch
from molgen.core.likelihood.density import noised
from molgen.core.likelihood.gap import squared_distances
from molgen.core.random import Streams
from molgen.docking.data.assemble import Scene
from molgen.docking.data.system import as_batch, atom_positions
from molgen.docking.models.kinds import PoseModel
from molgen.docking.trained import TrainedPoses
from molgen.errors import UsageError
from molgen.likelihood import Columns, LikelihoodTable, Subjects, columns

FLOW = LikelihoodTable(steps=12)
"""Of crystal poses, log q is within 0.3 nats of that of twice as many steps; each takes seconds."""

QUANTITY = "log q of the fragments of a pose, nats, per nm^3 and turn (of 8 pi^2) of each"

AT_ONCE = 10
"""Poses whose divergence is found together."""


def in_fragments(pocket: Pocket, ligand: Ligand, poses: NDArray[np.float64], seed: int) -> Batch:
    """Poses `[n, atoms, 3]` nm as fragments, each of the shape that it has in the pose.

    Args:
        pocket: what they are in.
        ligand: of which they are.
        poses: in the frame of the receptor's file.
        seed: of the cut.
    """
    scene = Scene.of(pocket, ligand)
    cut = fragment(
        ligand.molecule,
        how="random",
        generator=np.random.default_rng(seed),
        among=vina_ligand(ligand.molecule).rotors,
    )
    return as_batch([scene.assemble(cut, pose, pose) for pose in poses])


def scores_of(
    model: PoseModel,
    batch: Batch,
    table: LikelihoodTable,
    *,
    first: int = 0,
    noise: bool = False,
    seed: int = 0,
) -> Columns:
    """Log q of poses, `AT_ONCE` at a time; pose k gets the random numbers of number `first` + k.

    Args:
        model: of poses.
        batch: in fragments.
        table: how the flow is followed.
        first: number of the first.
        noise: add the smallest noise of the model before.
        seed: of noise and probes.

    Raises:
        MolgenError: a score is not finite.
    """
    like = next(model.parameters())
    made = []
    for part in torch.arange(batch.graphs).split(AT_ONCE):
        some = batch.take(part).to(like.device, like.dtype)
        streams = Streams.of(seed, first + int(part[0]), len(part), like.device)
        if noise:
            some = noised(model.processes, some, streams)
        counts = [p.manifold.dim(some.state[n], some.rows[n]) for n, p in model.processes.items()]
        found = table.encode(model, some, streams)
        made.append(columns(found, torch.stack(counts).sum(0)))
    return {name: np.concatenate([each[name] for each in made]) for name in made[0]}


def subjects(
    trained: TrainedPoses,
    file: Path | None,
    *,
    count: int,
    noise: bool,
    table: LikelihoodTable,
    seed: int,
    device: str,
) -> Subjects:
    """The known pose, made of the fragments of different conformers; or the poses of a file.

    Raises:
        UsageError: they cannot be read, or are of another ligand.
    """
    if file is None:
        states = trained.data(count, seed=seed)
        names = [f"known pose {k + 1}" for k in range(states.graphs)]
    else:
        names, poses = _read(file, trained.ligand, count)
        states = in_fragments(trained.pocket, trained.ligand, poses, seed)
    model = trained.model.to(device)

    def score(first: int, stop: int) -> Columns:
        some = states.take(torch.arange(first, stop))
        return scores_of(model, some, table, first=first, noise=noise, seed=seed)

    return Subjects(names, score, {"quantity": QUANTITY, "noise_added": noise}, AT_ONCE)


def geometry(trained: TrainedPoses) -> Geometry:
    """Distance of all atoms together, by the root of their number; poses are not superposed."""
    atoms = len(trained.systems[0].atoms)
    return Geometry(lambda end: atom_positions(end) / atoms**0.5, squared_distances, "nm")


def _read(path: Path, ligand: Ligand, count: int) -> tuple[list[str], NDArray[np.float64]]:
    """Names and poses of the records of a file."""
    names, poses = [], []
    for record in islice(read_ligands(path), count):
        if isinstance(record, Unreadable):
            raise UsageError(record.reason)
        names.append(record.name)
        poses.append(known_pose(ligand, record))
    return names, np.stack(poses)
