"""`molgen evaluate`: a checkpoint's samples and simulation against held-out frames and each other.

What it finds is kept in a run folder (`molgen.report.data.Results`), from which `molgen report`
makes a page and `molgen evaluate --table` one table of several runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.assess import Model, assess, conformers, effort_curves, entries, residual_curve
from molgen.checkpoint import WEIGHTS, Checkpoint
from molgen.config import override, validate
from molgen.errors import UsageError
from molgen.evaluate_options import EvaluateTable
from molgen.files import RUN_FILE, read_json
from molgen.md.effort import evaluations
from molgen.md.integrators import BAOAB, langevin_init
from molgen.md.integrators import run as run_chains
from molgen.md.model_potential import ModelPotential
from molgen.md.system import load_system
from molgen.md.task import DataTable, restore
from molgen.md.truth import load_truth
from molgen.report.data import KEY, Results, load_results
from molgen.run import CHECKPOINT, SUMMARY, Run, provenance

Progress = Callable[[str, int, int], None]


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
    changes: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Evaluation:
    """Sample, simulate, and compare both with the reference and with each other.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        output: folder for what is found: the one that holds the checkpoint if None, else
            `runs/evaluate-<checkpoint>`.
        options: how much to do; the recipe's `[evaluate]` if None.
        changes: `key=value` over those of the recipe, such as `samples=50000`.
        seed: of all random numbers.
        device: where samples and simulation are computed.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint or its system cannot be used; the folder holds another run.
        MolgenError: a sample or a chain is not finite.
    """
    begun = provenance()
    found = checkpoints.load(checkpoint)
    table = options or _options(found, changes)
    data = found.recipe.table("data", DataTable)
    model, fast = load_model(found, device), load_model(found, device)
    truth = load_truth(data.frames, model.system, model.statistics.mapping, table.reference)
    folder = _claim(found, checkpoint, output)
    if table.compile:
        fast.energy.accelerate()
    random = torch.Generator(device).manual_seed(seed)
    common: dict[str, Any] = {"generator": random, "progress": progress}
    laps = _Laps()
    samples = conformers(
        fast, table.samples, solver=table.solver, steps=table.steps, stage="sampling", **common
    )
    laps.end("sampling")
    simulation, how = simulate_from(fast, samples, table, **common)
    laps.end("simulation")
    results = assess(
        model,
        samples.cpu(),
        simulation.cpu(),
        truth,
        table,
        generator=torch.Generator().manual_seed(seed),
        progress=progress,
    )
    laps.end("comparison")
    points = samples if truth is None else truth.positions.to(samples)
    chosen = torch.randint(len(points), (table.residual_points,), generator=random, device=device)
    curve = residual_curve(model, points[chosen], generator=random)
    effort = {}
    if truth is not None and table.curve_samples:
        effort = effort_curves(fast, truth, table, **common)
    laps.end("curves")
    steps = table.chains * how.pop("steps")
    facts = {
        "checkpoint": str(checkpoint),
        "weights": _weights(found),
        "recipe": found.recipe.name,
        "training": {"seed": found.recipe.seed, **_training(found)},
        "model": {
            "kind": found.recipe.model.kind,
            "parameters": sum(weight.numel() for weight in model.energy.parameters()),
        },
        "samples": {
            "solver": table.solver,
            "evaluations each": evaluations(model.energy.processes, table.solver, table.steps),
        },
        "simulation": {
            **how,
            "chain steps a second": round(steps / laps.seconds["simulation"]),
            "entries into basins": entries(model, simulation.cpu()),
        },
        "reference": {
            "source": data.frames,
            "frames": 0 if truth is None else len(truth.points.points),
        },
        "evaluation": {**begun, "seed": seed, "device": device, "seconds": laps.seconds},
    }
    results = replace(results, residuals=(curve,), evaluations=effort, provenance=facts)
    results.save(folder)
    return Evaluation(folder, results, samples, simulation)


def evaluated(checkpoint: str | Path, output: str | Path | None = None) -> Results | None:
    """The results of an earlier evaluation; None if there is none of these very weights."""
    found = checkpoints.load(checkpoint)
    folder = _place(found, checkpoint, output)
    if not (folder / SUMMARY).is_file() or KEY not in read_json(folder / SUMMARY):
        return None
    results = load_results(folder)
    same = results.provenance.get("weights") == _weights(found)
    return results if same else None


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


def simulate_from(
    model: Model,
    samples: Tensor,
    table: EvaluateTable,
    *,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> tuple[Tensor, dict[str, Any]]:
    """Chains of a simulation with the model's forces, each started from one of its own samples.

    Args:
        model: the model.
        samples: `[n, beads, dims]` nm, in random order.
        table: chains, lengths, and how many frames in all.
        generator: source of randomness, on the device of `samples`.
        progress: told (what, done, total).

    Returns:
        positions `[frames, chains, beads, dims]` nm after equilibration, and how they were made.

    Raises:
        MolgenError: a chain exploded.
    """
    system, statistics = model.system, model.statistics
    potential = ModelPotential(model.energy, statistics)
    integrator = BAOAB(
        potential, statistics.mapping.masses, system.timestep_ps, system.friction_per_ps
    )
    frames = -(-table.samples // table.chains)
    stride = max(1, round(table.time_ps / frames / system.timestep_ps))
    dropped = round(table.equilibration_ps / system.timestep_ps / stride)
    start = samples[torch.arange(table.chains, device=samples.device) % len(samples)]
    state = langevin_init(potential, start, statistics.mapping.masses, statistics.kT, generator)
    kept = []
    moves = run_chains(
        integrator,
        state,
        statistics.kT,
        dropped + frames,
        stride,
        generator,
        recentre=statistics.centred,
    )
    for number, state in enumerate(moves):
        if number >= dropped:
            kept.append(state.positions.float())
        if progress is not None:
            progress("simulation", number + 1, dropped + frames)
    how = {
        "chains": table.chains,
        "frames of each": frames,
        "time_ps": frames * stride * system.timestep_ps,
        "equilibration_ps": dropped * stride * system.timestep_ps,
        "timestep_ps": system.timestep_ps,
        "stride_ps": stride * system.timestep_ps,
        "friction_per_ps": system.friction_per_ps,
        "steps": (dropped + frames) * stride,
    }
    return torch.stack(kept), how


class _Laps:
    """Wall-clock time of each stage, seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()

    def end(self, stage: str) -> None:
        """The stage that just ended."""
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._begun, 2)
        self._begun = now


def _training(found: Checkpoint) -> dict[str, Any]:
    known = {"steps": found.meta.get("step"), "seconds": found.meta.get("training_seconds")}
    return {key: round(value, 1) for key, value in known.items() if value is not None}


def _options(found: Checkpoint, changes: Sequence[str]) -> EvaluateTable:
    """`[evaluate]` of a checkpoint's recipe with changes."""
    tables = found.recipe.evaluate
    for text in changes:
        tables = override(tables, text)
    source = f"{found.recipe.source} with --set" if changes else found.recipe.source
    return validate(EvaluateTable, tables, source, "evaluate")


def _weights(found: Checkpoint) -> str:
    """What tells a checkpoint from all others: the checksum of its weights."""
    return str(found.meta["files"][WEIGHTS]["sha256"])


def _own_run(found: Checkpoint) -> Path | None:
    """The run folder that holds a checkpoint, if it is in one."""
    holder = found.folder.parent
    return holder if found.folder.name == CHECKPOINT and (holder / RUN_FILE).is_file() else None


def _place(found: Checkpoint, name: str | Path, output: str | Path | None) -> Path:
    """Where the results of a checkpoint go."""
    if output is not None:
        return Path(output)
    return _own_run(found) or Path("runs") / f"evaluate-{Path(name).name}"


def _claim(found: Checkpoint, name: str | Path, output: str | Path | None) -> Path:
    """The same, made this checkpoint's own.

    Raises:
        UsageError: it holds another run.
    """
    folder, own = _place(found, name, output), _own_run(found)
    if own is None or folder.resolve() != own.resolve():
        Run.start(folder, {"command": "evaluate", "weights": _weights(found)})
    return folder
