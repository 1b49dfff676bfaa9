"""`molgen bench peptides`: conformers worth an independent one, by the second of one core.

Four ways to the same ensemble: OpenMM and molgen's force field, a model's dynamics, its draws. A
step is worth what it decorrelates: each way's own trajectory says how many of its frames count for
one (`molgen.md.data.convergence.inefficiency` of its basins).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import openmm
import torch
from openmm import app, unit
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.bench.tables import Row, publish
from molgen.bench.timing import Rate
from molgen.core.threads import cpu_threads
from molgen.md.data.convergence import inefficiency
from molgen.md.dynamics.chains import Dynamics, LangevinChains
from molgen.md.dynamics.engines import ready
from molgen.md.evaluation.options import EvaluateTable
from molgen.md.peptides.emulate import bound_name
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.structure import peptide_molecule
from molgen.md.sample import draw
from molgen.md.system import PEPTIDE, System, load_system
from molgen.md.system.definition import PeptideTable
from molgen.sampler import SampleTable

NOTE = (
    "One core each. Trajectories are shorter than the slowest exchange of basins may take, which "
    "favours them: what independent draws gain is a lower bound."
)


@dataclass(frozen=True)
class Trajectory:
    """Chains side by side, and how often and how many times they are looked at."""

    chains: int
    interval_ps: float
    frames: int


PHYSICAL = Trajectory(chains=32, interval_ps=1.0, frames=1000)
"""Of the force field; a quarter more frames go before it."""
LEARNED = Trajectory(chains=256, interval_ps=0.3, frames=150)
DRAWS = 2000
STEPS = 1000
"""Of OpenMM, timed together."""
FRICTION = 1.0  # 1/ps
FAST, SLOW = 0.002, 0.001  # ps: OpenMM with bonds to hydrogen held, and the free force field
RARE = 0.01
"""Share of the frames below which a basin is left out."""


def run(
    peptide: str = "KS",
    *,
    model: str = "dipeptides",
    output: str | Path | None = None,
    quick: bool = False,
) -> dict[str, list[Row]]:
    """Time every way, print the table, and write it as JSON if asked to.

    Args:
        peptide: which.
        model: of peptides.
        output: JSON file.
        quick: trajectories a tenth as long.
    """
    repeats, seconds, part = (2, 0.5, 0.1) if quick else (5, 2.0, 1.0)
    rate, name = Rate(repeats, seconds), bound_name(peptide, model=model)
    with cpu_threads(1):
        rows = [*force_field(Peptide.parse(peptide), rate, part), *learned(name, rate, part)]
    for row in rows:
        row["ratio to OpenMM"] = row["effective / s"] / rows[0]["effective / s"]
    tables = {f"{peptide}: conformers worth an independent one": rows}
    publish(tables, NOTE, output)
    return tables


def force_field(peptide: Peptide, rate: Rate, part: float) -> list[Row]:
    """OpenMM's speed and ours, and what a picosecond of the force field is worth."""
    system = load_system(f"{PEPTIDE}{peptide}")
    chains, interval_ps = PHYSICAL.chains, PHYSICAL.interval_ps
    stride = round(interval_ps / SLOW)
    dynamics = Dynamics(system.masses, system.kT, SLOW, FRICTION, free=True)
    generator = torch.Generator().manual_seed(0)
    start = system.start.expand(chains, -1, -1).contiguous()
    own = LangevinChains(
        system.potential(), start, dynamics, stride=stride, generator=generator, compiled=False
    )
    frames = round(PHYSICAL.frames * part)
    x = [own.advance(stride) for _ in range(frames + frames // 4)]
    worth_ps = interval_ps * _inefficiency(system, torch.stack(x[frames // 4 :]))
    steps = stride * chains * rate(partial(own.advance, stride))
    theirs = _openmm_steps(peptide, system, rate)
    return [
        _row("OpenMM, bonds to hydrogen held, 2 fs", theirs * FAST, worth_ps),
        _row(f"molgen's force field, {chains} chains, 1 fs", steps * SLOW, worth_ps),
    ]


def learned(name: str, rate: Rate, part: float) -> list[Row]:
    """A model's dynamics, and its draws."""
    found = checkpoints.load(name)
    setup = ready(found)
    statistics = setup.potential.statistics
    system = load_system(statistics.system)
    chains, generator = LEARNED.chains, torch.Generator().manual_seed(0)
    setup.model.accelerate()
    start = draw(setup.model, statistics, chains, generator=generator)
    stride = round(LEARNED.interval_ps / setup.dynamics.timestep_ps)
    interval_ps = stride * setup.dynamics.timestep_ps
    own = LangevinChains(setup.potential, start, setup.dynamics, stride=stride, generator=generator)

    def frame() -> Tensor:
        return setup.settling(own.advance(stride))

    frames = [frame() for _ in range(round(LEARNED.frames * part))]
    whole = torch.zeros(len(frames), chains, len(system.atoms), 3)
    whole[:, :, statistics.mapping.atoms] = torch.stack(frames)
    worth_ps = interval_ps * _inefficiency(system, whole)
    steps = stride * chains * rate(frame)
    table = found.recipe.table("evaluate", EvaluateTable)
    sample = SampleTable(solver=table.solver, steps=table.steps)
    drawn = DRAWS * rate(
        partial(draw, setup.model, statistics, DRAWS, table=sample, generator=generator)
    )
    simulated = _row(
        f"model, simulated, {chains} chains", steps * setup.dynamics.timestep_ps, worth_ps
    )
    independent: Row = {
        "way": f"model, independent draws ({table.solver}, {table.steps} steps)",
        "effective / s": drawn,
    }
    return [simulated, independent]


def _row(way: str, ps_a_second: float, worth_ps: float) -> Row:
    return {
        "way": way,
        "ps / s": ps_a_second,
        "ps for one": worth_ps,
        "effective / s": ps_a_second / worth_ps,
    }


def _inefficiency(system: System, x: Tensor) -> float:
    """Frames for one: of the basin that takes longest, of `[frames, chains, atoms, 3]`."""
    index = system.basin_index(x.flatten(0, 1)).reshape(x.shape[:2])
    inside = [(index == number).double() for number in range(len(system.basins))]
    seen = [h.numpy() for h in inside if RARE < float(h.mean()) < 1 - RARE]
    return max((inefficiency(h) for h in seen), default=1.0)


def _openmm_steps(peptide: Peptide, system: System, rate: Rate) -> float:
    """Steps a second of one molecule on one thread, of the platform that is faster."""
    table = system.definition.potential
    assert isinstance(table, PeptideTable)
    molecule = peptide_molecule(peptide, table.force_field)
    made = app.ForceField(*table.force_field).createSystem(
        molecule.topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds
    )
    found = []
    for name, options in (("CPU", {"Threads": "1"}), ("Reference", {})):
        integrator = openmm.LangevinMiddleIntegrator(system.temperature_K, FRICTION, FAST)
        platform = openmm.Platform.getPlatformByName(name)
        context = openmm.Context(made, integrator, platform, options)
        context.setPositions(molecule.positions * unit.nanometer)
        found.append(STEPS * rate(partial(integrator.step, STEPS)))
    return max(found)
