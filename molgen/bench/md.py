"""`molgen bench md`: force field, learned forces, sampling and training, timed in one run.

Every figure is a median over repeats; every ratio is of two figures of this run, except where a row
quotes the published JAX code (Plainer et al. 2025), measured elsewhere on two cores.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import openmm
import torch
from openmm import unit

from molgen import checkpoint as checkpoints
from molgen.bench.tables import Row, publish
from molgen.bench.timing import Rate
from molgen.config import load_recipe
from molgen.core.models import EnergyModel
from molgen.md.dynamics.chains import Dynamics, LangevinChains
from molgen.md.dynamics.engines import ENGINES, ready
from molgen.md.sample import draw
from molgen.md.system import load_system
from molgen.md.task import build, restore
from molgen.sampler import SampleTable

MODEL, SYSTEM = "alanine_dipeptide", "ala2"
CHAINS = (1, 10, 100, 1000)
QUOTED_CHAIN_STEPS = {1: 6.4e3, 10: 9.4e3, 100: 1.06e4, 1000: 7.9e3}
QUOTED_STEP_MS = {"plain": 1150.0, "with the Fokker-Planck term": 10400.0}
NOTE = "quoted: the JAX code of Plainer et al. 2025, two CPU cores, five beads"


def run(*, output: str | Path | None = None, quick: bool = False) -> dict[str, list[Row]]:
    """Time everything, print the tables, and write them as JSON if asked to.

    Args:
        output: JSON file.
        quick: two short repeats of each in place of five.
    """
    repeats, seconds = (2, 0.3) if quick else (5, 1.0)
    rate = Rate(repeats, seconds)
    tables = {
        "force field (22 atoms), replica-steps/s": force_field(rate),
        "learned forces (5 beads), chain-steps/s": learned_forces(rate),
        "independent conformers": sampling(rate),
        "training": training(rate),
    }
    publish(tables, NOTE, output)
    return tables


def force_field(rate: Rate) -> list[Row]:
    """Langevin steps under the torch force field for many replicas, and OpenMM's of one."""
    system = load_system(SYSTEM)
    rows: list[Row] = []
    theirs = {}
    for name in ("CPU", "Reference"):
        integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.001)
        context = openmm.Context(
            system.openmm_system(), integrator, openmm.Platform.getPlatformByName(name)
        )
        context.setPositions(system.start.numpy() * unit.nanometer)
        theirs[name] = 100 * rate(partial(integrator.step, 100))
        rows.append({"engine": f"OpenMM {name}", "replicas": 1, "rate": theirs[name]})
    potential = system.potential(torch.float32, torch.device("cpu"))
    dynamics = Dynamics(system.masses, system.kT, 0.001, 1.0, free=True)
    for n in CHAINS:
        x = system.start.expand(n, -1, -1).contiguous()
        generator = torch.Generator().manual_seed(0)
        # the force field has a compiled program of its own
        chains = LangevinChains(
            potential, x, dynamics, stride=10, generator=generator, compiled=False
        )
        ours = 10 * n * rate(partial(chains.advance, 10))
        row = {"engine": "molgen", "replicas": n, "rate": ours}
        rows.append({**row, "ratio to OpenMM CPU": ours / theirs["CPU"]})
    return rows


def learned_forces(rate: Rate) -> list[Row]:
    """Both engines with the shipped model, beside its forces alone (forward and backward pass)."""
    setup = ready(checkpoints.load(MODEL))
    mean = setup.potential.statistics
    rows: list[Row] = []
    for n in CHAINS:
        generator = torch.Generator().manual_seed(0)
        start = draw(setup.model, mean, n, generator=generator)
        bare = torch.compile(setup.potential.forces, dynamic=False)
        with torch.no_grad():
            network = n * rate(partial(bare, start))
        for engine in ENGINES:
            chains = ENGINES[engine](setup, start, 100, generator, True)
            found = 100 * n * rate(partial(chains.advance, 100))
            row: Row = {"engine": engine, "chains": n, "rate": found}
            row["forces alone"] = network
            row["ratio to forces alone"] = found / network
            row["quoted"] = QUOTED_CHAIN_STEPS[n]
            row["ratio to quoted"] = found / QUOTED_CHAIN_STEPS[n]
            rows.append(row)
    return rows


def sampling(rate: Rate) -> list[Row]:
    """Conformers a second by solver and steps, compiled."""
    model, molecule = restore(checkpoints.load(MODEL))
    model.accelerate()
    generator = torch.Generator().manual_seed(0)
    rows: list[Row] = []
    for solver, steps in (("adams", 20), ("adams", 60), ("heun", 30)):
        table = SampleTable(solver=solver, steps=steps)
        one = partial(draw, model, molecule, 2000, table=table, generator=generator)
        found = 2000 * rate(one)
        rows.append({"solver": solver, "steps": steps, "rate": found})
    return rows


def training(rate: Rate) -> list[Row]:
    """Milliseconds of a step, forward and backward, without and with the Fokker-Planck term."""
    task = build(load_recipe(MODEL))
    if isinstance(task.model, EnergyModel):
        task.model.accelerate()
    generator = torch.Generator().manual_seed(0)

    def step(terms: int) -> None:
        batch = task.draw(512, generator)
        for term in task.losses[:terms]:
            value, _ = term.loss(task.model, task.processes, batch, generator)
            loss: torch.Tensor = term.weight * value
            loss.backward()

    rows: list[Row] = []
    for terms, name in enumerate(QUOTED_STEP_MS, start=1):
        found = 1000 / rate(partial(step, terms))
        row: Row = {"step": name, "ms (batch 512)": found}
        row["quoted ms (batch 1024)"] = QUOTED_STEP_MS[name]
        rows.append({**row, "ratio to plain": found / (rows[0] if rows else row)["ms (batch 512)"]})
    return rows
