"""`molgen evaluate md`: a checkpoint's samples and simulation against held-out frames.

What it finds is kept in a run folder (`molgen.md.evaluation.results.Results`), from which
`molgen report` makes a page and `--table` one table of several runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.core.threads import cpu_threads
from molgen.effort import evaluations
from molgen.errors import UsageError
from molgen.evaluation import ASKED, Laps, asked, claim, options_of, origin_of
from molgen.md.dynamics.engines import SimulateTable, ready
from molgen.md.evaluation.assess import (
    BATCH,
    SMALLEST,
    Model,
    assess,
    conformers,
    effort_curves,
    entries,
    residual_curve,
)
from molgen.md.evaluation.chains import simulate_from
from molgen.md.evaluation.ensemble import evenly
from molgen.md.evaluation.options import EvaluateTable
from molgen.md.evaluation.results import Results
from molgen.md.evaluation.truth import checksums, load_truth
from molgen.md.system import load_system
from molgen.md.task import DataTable, restore
from molgen.run import provenance

Progress = Callable[[str, int, int], None]

FEW = 30
"""Entries into a basin below which its population says nothing of the forces."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found, and the conformers it found it on.

    Attributes:
        folder: where `summary.json` and `arrays.npz` are.
        results: what they hold.
        samples: `[n, beads, dims]` nm, independent.
        simulation: `[frames, chains, beads, dims]` nm.
    """

    folder: Path
    results: Results
    samples: Tensor
    simulation: Tensor

    @property
    def remarks(self) -> list[str]:
        """What to read below the numbers: the certificate's verdict, and what could not be done."""
        certificate = self.results.certificate or {}
        lines = [f"Samples and simulation: {certificate.get('verdict', 'not compared.')}"]
        if not self.results.comparisons:
            source = self.results.provenance["reference"]["source"]
            lines.append(f"No reference frames '{source}' here: the certificate is all there is.")
        return lines


def evaluate(
    checkpoint: str | Path,
    *,
    output: str | Path | None = None,
    options: EvaluateTable | None = None,
    reference: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Evaluation:
    """Sample, simulate, and compare both with the reference and with each other.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        output: folder for what is found: the one that holds the checkpoint if None, else
            `runs/evaluate-<checkpoint>`.
        options: how much to do; the recipe's `[evaluate]` if None, which
            `molgen.evaluation.options_of` gives with changes.
        reference: where the held-out frames are, as in `molgen.md.data.frames.load_frames`; the
            data of the recipe if None.
        seed: of all random numbers.
        device: where samples and simulation are computed.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint or its system cannot be used; the folder holds another run.
        MolgenError: a sample or a chain is not finite.
    """
    found = checkpoints.load(checkpoint)
    table = (options or options_of(found, EvaluateTable)).ready(found)
    source = reference or found.recipe.table("data", DataTable).frames
    with cpu_threads(table.threads):
        return _evaluate(found, str(checkpoint), output, table, source, seed, device, progress)


def asked_of(
    found: Checkpoint, options: EvaluateTable, seed: int, reference: str | None = None
) -> dict[str, Any]:
    """What an evaluation of a checkpoint is asked for; see `evaluate` for the arguments."""
    source = reference or found.recipe.table("data", DataTable).frames
    forces = found.recipe.table("simulate", SimulateTable).model_dump(mode="json")
    return {**asked(options, seed, checksums(source)), "simulate": forces}


def _evaluate(
    found: Checkpoint,
    checkpoint: str,
    output: str | Path | None,
    table: EvaluateTable,
    source: str,
    seed: int,
    device: str,
    progress: Progress | None,
) -> Evaluation:
    """The work of `evaluate`, stage by stage."""
    begun, laps = provenance(), Laps()
    model = load_model(found, device)
    setup = ready(found, device=device)
    fast = replace(model, energy=setup.model)
    truth = load_truth(source, model.system, model.statistics.mapping, table.reference)
    folder = claim(found, checkpoint, output)
    if table.compile:
        fast.energy.accelerate()
    common: dict[str, Any] = {
        "generator": torch.Generator(device).manual_seed(seed),
        "progress": progress,
    }
    laps.end("loading")
    samples = conformers(
        fast,
        table.samples,
        table=table,
        stage="sampling",
        **common,
    )
    laps.end("sampling")
    simulated = simulate_from(setup.potential, setup.dynamics, samples, table, **common)
    laps.end("simulation")
    frames = setup.settling.in_batches(simulated.positions.flatten(0, 1), BATCH)
    laps.end("settling")
    samples, simulation = samples.cpu(), frames.view_as(simulated.positions).cpu()
    results = assess(
        model,
        samples,
        simulation,
        truth,
        table,
        groups=simulated.groups,
        generator=torch.Generator().manual_seed(seed),
        progress=progress,
    )
    laps.end("comparison")
    points = samples if truth is None or truth.positions is None else truth.positions
    points = points[evenly(len(points), table.residual_points)].to(device)
    curve = residual_curve(model, points, generator=common["generator"])
    effort = {}
    if truth is not None and table.curve_samples:
        effort = effort_curves(fast, truth, table, **common)
    laps.end("curves")
    moves = {} if len(table.ladder) > 1 else entries(model, simulation)
    facts = {
        **origin_of(found, checkpoint),
        ASKED: asked_of(found, table, seed, source),
        "model": {
            "kind": found.recipe.model.kind,
            "parameters": sum(weight.numel() for weight in model.energy.parameters()),
        },
        "samples": {
            "solver": table.solver,
            "evaluations each": evaluations(
                model.energy.processes, SMALLEST, table.solver, table.steps
            ),
        },
        "simulation": {
            **simulated.facts,
            "noise / signal of the forces": setup.potential.noise,
            "evaluations by which a frame settles": setup.settling.steps,
            "chain steps a second": round(simulated.chain_steps / laps.seconds["simulation"]),
            **({"entries into basins": moves} if moves else {}),
        },
        "reference": {
            "source": source,
            "frames": 0 if truth is None else len(truth.points.points),
        },
        "evaluation": {**begun, "seed": seed, "device": device, "seconds": laps.seconds},
    }
    results = replace(
        results,
        certificate=with_caveat(results.certificate, moves),
        residuals=(curve,),
        evaluations=effort,
        provenance=facts,
    )
    results.save(folder)
    return Evaluation(folder, results, samples, simulation)


def load_model(found: Checkpoint, device: str = "cpu") -> Model:
    """The model of a checkpoint and the system it is of, checked against each other.

    Raises:
        UsageError: the system has changed since, or is another one.
    """
    energy, statistics = restore(found)
    table = found.recipe.table("data", DataTable)
    system = load_system(table.system)
    mapping = system.mapping(statistics.mapping.name)
    if system.name != statistics.system or mapping != statistics.mapping:
        raise UsageError(
            f"{found.folder}: a checkpoint of {statistics.system}/{statistics.mapping.name}, whose "
            f"beads are not those of {system.folder}"
        )
    if abs(system.kT / statistics.kT - 1) > 1e-6:
        raise UsageError(
            f"{found.folder}: trained at kT = {statistics.kT:.6g}, but {system.folder} is at "
            f"{system.kT:.6g}"
        )
    return Model(energy.to(device), statistics, system)


def with_caveat(
    certificate: dict[str, Any] | None, entries: dict[str, int]
) -> dict[str, Any] | None:
    """The certificate, and what it cannot know: basins that the chains hardly ever entered."""
    rare = {basin: count for basin, count in entries.items() if count < FEW}
    if not rare or certificate is None:
        return certificate
    named = ", ".join(f"{basin} {count} times" for basin, count in rare.items())
    note = (
        f"The chains entered {named}: how populated that is they had from the samples they started "
        "from (tempering would tell: evaluate.ladder)."
    )
    return {**certificate, "verdict": f"{certificate['verdict']} {note}"}
