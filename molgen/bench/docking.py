"""`molgen bench dock`: what a complex and a pose take, stage by stage, and how that grows.

One crystal complex, 1S3V (dihydrofolate reductase), which comes with the package posebusters. What
weights there are does not matter to the time: without a checkpoint they are random.

How it grows is told in seconds of the processor, which other work on the machine does not lengthen;
on a GPU, and where threads are compared, in seconds on the clock.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from molgen import checkpoint as checkpoints
from molgen.bench.tables import Row, publish
from molgen.chem.atom_features import BOND_KINDS, LIGAND_SIZES, POCKET_SIZES
from molgen.chem.examples import example_complex
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.pocket import RADIUS_NM, Pocket, centre_of_ligand, cut_pocket
from molgen.chem.pose_checks import posebusters_checks
from molgen.chem.pose_surroundings import read_surroundings
from molgen.chem.receptor import read_receptor
from molgen.config import load_recipe
from molgen.core.threads import cpu_threads
from molgen.docking.data.system import Vocabulary
from molgen.docking.dock import STAGES, Docker
from molgen.docking.models.kinds import build_model
from molgen.docking.options import DockTable
from molgen.sampler import SampleTable

RECIPE, COMPLEX = "docking", "1s3v"
CHECKS = "checks"
ALL = (*STAGES, CHECKS)
THREADS = (1, 2)
POSES = (1, 5, 10, 20, 40)
RADII_NM = (1.0, 1.25, RADIUS_NM, 2.0)
RESIDUES = (1, 2, 4, 6)
"""Of alanine, in ligands of growing size."""


@dataclass(frozen=True)
class Bench:
    """What is docked, and how often.

    Attributes:
        docker: the model.
        ligand: that of the complex.
        pocket: about it.
        repeats: of each time, of which the median counts.
    """

    docker: Docker
    ligand: Ligand
    pocket: Pocket
    repeats: int

    @classmethod
    def of(cls, model: str | None, poses: int, device: str, repeats: int) -> Bench:
        """With a checkpoint and what ranks its poses, or random weights of the recipe.

        Raises:
            UsageError: the checkpoint is of no model of poses.
        """
        if model is None:
            recipe = load_recipe(RECIPE)
            torch.manual_seed(0)
            built = build_model(recipe, Vocabulary(POCKET_SIZES, LIGAND_SIZES, BOND_KINDS))
            network = built.requires_grad_(False).eval().to(device)
            docker = Docker(network, SampleTable.of(recipe), DockTable(poses=poses))
        else:
            table = DockTable.of(checkpoints.load(model).recipe, poses=poses)
            docker = Docker.load(model, table, device=device)
        if device == "cpu":
            docker = replace(docker, clock=time.process_time)
        protein, file = example_complex(COMPLEX)
        ligand = read_ligand(file)
        pocket = cut_pocket(read_receptor(protein), centre_of_ligand(ligand))
        return cls(docker, ligand, pocket, repeats)

    def poses(self, count: int) -> Bench:
        """The same with another number of poses, and chains of the search in proportion."""
        table = self.docker.table
        chains = -(-table.chains * count // table.poses)
        return self._docking(
            replace(self.docker, table=table.model_copy(update={"poses": count, "chains": chains}))
        )

    def on_the_clock(self) -> Bench:
        """The same with seconds that go by."""
        return self._docking(replace(self.docker, clock=time.perf_counter))

    def _docking(self, docker: Docker) -> Bench:
        return replace(self, docker=docker)

    def seconds(self) -> dict[str, float]:
        """Median seconds of docking the ligand and of checking its poses, by stage."""
        found = [self._once(seed) for seed in range(self.repeats)]
        return {stage: statistics.median(one[stage] for one in found) for stage in found[0]}

    def _once(self, seed: int) -> dict[str, float]:
        """Checks are PoseBusters', of every pose, with the reading of the receptor's file."""
        docked = self.docker.dock(self.pocket, self.ligand, seed=seed)
        begun = self.docker.clock()
        surroundings = read_surroundings(self.pocket.receptor.source)
        posebusters_checks(self.ligand.molecule, docked.poses, surroundings)
        return {**docked.seconds, CHECKS: self.docker.clock() - begun}


def run(
    *,
    model: str | None = None,
    output: str | Path | None = None,
    quick: bool = False,
    repeats: int = 3,
    device: str = "cpu",
) -> dict[str, list[Row]]:
    """Time everything, print the tables, and write them as JSON if asked to.

    Args:
        model: a shipped name, a checkpoint, or a run folder; random weights if None.
        output: JSON file.
        quick: one run of a few poses.
        repeats: runs, of which the median counts.
        device: where the network runs.

    Raises:
        UsageError: the checkpoint is of no model of poses.
    """
    bench = Bench.of(model, 4 if quick else POSES[-1], device, 1 if quick else repeats)
    with cpu_threads(1):
        replace(bench.poses(1), repeats=1).seconds()
        tables = {
            "a complex by stage, on the clock": by_threads(bench.on_the_clock(), THREADS),
            "poses at a time": by_poses(bench, [1, 4] if quick else POSES),
            "size of the pocket": by_pocket(bench, RADII_NM[1:3] if quick else RADII_NM),
            "size of the ligand": by_ligand(bench, RESIDUES[:2] if quick else RESIDUES),
        }
    table, sampling = bench.docker.table, bench.docker.sampling
    note = (
        f"{COMPLEX}: {len(bench.pocket.receptor)} atoms of the pocket and "
        f"{bench.ligand.molecule.GetNumAtoms()} of the ligand; {table.poses} poses and "
        f"{table.chains} chains if nothing else is said, {sampling.solver} in {sampling.steps} "
        f"steps, {table.scoring}; median of {bench.repeats}; on {device}, seconds "
        + ("of the processor" if device == "cpu" else "on the clock")
        + " if nothing else is said"
    )
    publish(tables, note, output)
    return tables


def by_threads(bench: Bench, counts: Sequence[int]) -> list[Row]:
    """Each stage on so many threads of the processor."""
    rows: list[Row] = []
    for count in counts:
        with cpu_threads(count):
            begun = time.process_time()
            row = {"threads": count, **_stages(bench)}
            processor = (time.process_time() - begun) / bench.repeats
        total = sum(row[stage] for stage in ALL)
        row |= {"s a complex": total, "ms a pose": 1000 * total / bench.docker.table.poses}
        ratio = rows[0]["s a complex"] / total if rows else 1.0
        rows.append({**row, "times as fast": ratio, "processor s": processor})
    return rows


def by_poses(bench: Bench, counts: Sequence[int]) -> list[Row]:
    """All poses of a ligand at once, against one by one."""
    rows: list[Row] = []
    for count in counts:
        row = {"poses": count, **_stages(bench.poses(count))}
        row["ms a pose"] = 1000 * sum(row[stage] for stage in ALL) / count
        one = rows[0] if rows else row
        for name, stages in (("", ALL), ("network ", STAGES[1:2]), ("physics ", STAGES[2:3])):
            alone, at_once = (sum(each[stage] for stage in stages) for each in (one, row))
            row[f"{name}times as fast as one by one"] = count * alone / at_once
        rows.append(row)
    return rows


def by_pocket(bench: Bench, radii: Sequence[float]) -> list[Row]:
    """Pockets of growing radius about the same point."""
    receptor = read_receptor(bench.pocket.receptor.source)
    rows: list[Row] = []
    for radius in radii:
        pocket = cut_pocket(receptor, bench.pocket.centre, radius)
        row = {"radius (nm)": radius, "atoms": len(pocket.receptor)}
        rows.append(_grown(rows, {**row, **_stages(replace(bench, pocket=pocket))}))
    return rows


def by_ligand(bench: Bench, counts: Sequence[int]) -> list[Row]:
    """Capped chains of so many alanines."""
    rows: list[Row] = []
    for count in counts:
        ligand = read_ligand("CC(=O)" + "N[C@@H](C)C(=O)" * count + f"NC chain{count}")
        row = {"alanines": count, "atoms": ligand.molecule.GetNumAtoms()}
        rows.append(_grown(rows, {**row, **_stages(replace(bench, ligand=ligand))}))
    return rows


def _stages(bench: Bench) -> Row:
    return dict(bench.seconds())


def _grown(before: Sequence[Row], row: Row) -> Row:
    """With the total, and the power of the number of atoms with which it grew since last time."""
    row["s a complex"] = sum(row[stage] for stage in ALL)
    if before:
        longer = math.log(row["s a complex"] / before[-1]["s a complex"])
        row["power of atoms"] = longer / math.log(row["atoms"] / before[-1]["atoms"])
    return row
