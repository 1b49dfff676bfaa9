"""`molgen bench graphs`: drawing and training of molecular graphs, timed in one run.

No data and no trained model are needed. Every figure is a median over repeats, every ratio is of
two figures of this run.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from molgen.bench.graph_models import QM9, RECIPE, Subject, draw_once, of_size
from molgen.bench.profile import shares
from molgen.bench.tables import Row, publish
from molgen.bench.timing import Rate, growth_mb
from molgen.config import load_recipe
from molgen.errors import UsageError

STEPS = (5, 10, 20, 50, 100)
BATCHES = (1, 10, 50, 200, 500)
ATOMS = (9, 38, 64, 128, 200)
PAIRS_A_BATCH = 500 * 9**2
"""Graphs of other sizes are drawn so many at a time that they have this many pairs of nodes."""

GDSS: Mapping[int, Mapping[str, Any]] = {9: {"kinds": 4}, 38: {"kinds": 9, "layers": 6}}
"""GDSS's networks as published for QM9 and ZINC250k, by the atoms of the largest molecule."""

NOTE = (
    "A drawing evaluates the network once a step (predictor_corrector: twice), ours once more at "
    "the end. Memory: how far a process of its own grows in the drawing, the model included. GDSS: "
    "molgen's implementation of the score networks of Jo et al. 2022 in the published sizes, with "
    "random weights, in molgen's solvers; not their code."
)


def run(
    *, output: str | Path | None = None, quick: bool = False, device: str | None = None
) -> dict[str, list[Row]]:
    """Time everything, print the tables, and write them as JSON if asked to.

    Args:
        output: JSON file.
        quick: one short repeat of fewer rows and graphs, without memory.
        device: cpu or cuda; cuda where there is one if None.

    Raises:
        UsageError: there is no such device.
    """
    gpu = torch.cuda.is_available()
    device = device or ("cuda" if gpu else "cpu")
    if device == "cuda" and not gpu:
        raise UsageError("cuda: there is no GPU that torch can use; leave out --device")
    rate = Rate(1, 0.1) if quick else Rate(3, 1.0)
    tables = {
        "drawing molecules of QM9's sizes, by steps": by_steps(rate, device, quick),
        "in 20 steps, by how many at a time": by_batch(rate, device, quick),
        "in 5 steps, by number of atoms": by_atoms(rate, device, quick),
        "beside the networks of GDSS": beside_gdss(rate, device, quick),
        "training": training(rate, device, quick),
    }
    if not quick:
        tables["drawing in 20 steps, in other ways"] = ways(rate, device)
    spent = shares(Subject.of_recipe(QM9, device).drawing(20 if quick else 200, 5))
    where = ", ".join(f"{share:.0%} {name}" for name, share in spent.items())
    publish(tables, f"{NOTE} Where the time of a drawing goes: {where}.", output)
    return tables


def by_steps(rate: Rate, device: str, quick: bool) -> list[Row]:
    """Time a molecule against the number of solver steps."""
    subject, count = Subject.of_recipe(QM9, device), 20 if quick else 500
    return [
        {
            "steps": steps,
            "at a time": count,
            **_each(rate, subject.drawing(count, steps), count, subject.drawing(count, 1)),
        }
        for steps in (STEPS[:2] if quick else STEPS)
    ]


def by_batch(rate: Rate, device: str, quick: bool) -> list[Row]:
    """Time a molecule, and memory, against how many are drawn at a time."""
    subject = Subject.of_recipe(QM9, device)
    return [
        {
            "at a time": count,
            **_each(rate, subject.drawing(count, 20), count, subject.drawing(count, 1)),
            **_memory(subject, count, quick),
        }
        for count in (BATCHES[:2] if quick else BATCHES)
    ]


def by_atoms(rate: Rate, device: str, quick: bool) -> list[Row]:
    """How time and memory grow with the atoms of a molecule."""
    rows: list[Row] = []
    for atoms in ATOMS[:2] if quick else ATOMS:
        subject, count = Subject.of_recipe(of_size(atoms), device), _fitting(atoms, quick)
        row: Row = {
            "atoms": atoms,
            "at a time": count,
            **_each(rate, subject.drawing(count, 5), count),
        }
        if rows:
            longer = math.log(row["ms a molecule"] / rows[-1]["ms a molecule"])
            row["power of atoms"] = longer / math.log(atoms / rows[-1]["atoms"])
        rows.append({**row, **_memory(subject, count, quick)})
    return rows


def beside_gdss(rate: Rate, device: str, quick: bool) -> list[Row]:
    """An evaluation of molgen's network and of GDSS's."""
    rows: list[Row] = []
    for atoms in [9] if quick else GDSS:
        sizes, count = of_size(atoms), _fitting(atoms, quick)
        theirs = Subject.gdss(sizes, device=device, **GDSS[atoms])
        own = 0.0
        for network, subject, solver, steps, evaluations in (
            ("molgen", Subject.of_recipe(sizes, device), "ancestral", 19, 20),
            ("GDSS", theirs, "s4", 20, 20),
            ("GDSS", theirs, "predictor_corrector", 10, 19),
        ):
            drawing = subject.drawing(count, steps, solver)
            each = 1000 / rate(drawing, subject.drawing(count, 2, solver)) / count / evaluations
            own = own or each
            rows.append(
                {
                    "atoms": atoms,
                    "network": network,
                    "parameters": subject.parameters,
                    "solver": solver,
                    "at a time": count,
                    "ms an evaluation": each,
                    "ratio to molgen": each / own,
                }
            )
    return rows


def training(rate: Rate, device: str, quick: bool) -> list[Row]:
    """Steps a second of the recipe: noise, loss, gradient and optimiser."""
    count = load_recipe(RECIPE).train.batch_size
    rows: list[Row] = []
    for network in ["plain"] if quick else ["plain", "compiled"]:
        subject = Subject.of_recipe(QM9, device)
        if network == "compiled":
            subject.model.accelerate()
        found = rate(subject.training(count))
        rows.append(
            {
                "network": network,
                "graphs a step": count,
                "ms a step": 1000 / found,
                "steps/s": found,
                "graphs/s": count * found,
                "ratio": rows[0]["ms a step"] * found / 1000 if rows else 1.0,
            }
        )
    return rows


def ways(rate: Rate, device: str) -> list[Row]:
    """The same drawing with a compiled network and, on a GPU, in bfloat16."""
    rows: list[Row] = []
    for network in ("plain", "compiled"):
        subject, count = Subject.of_recipe(QM9, device), 500
        if network == "compiled":
            subject.model.accelerate(sizes_vary=True)
        for numbers in ("float32", "bfloat16") if device == "cuda" else ("float32",):
            half = (
                torch.autocast(device, torch.bfloat16) if numbers == "bfloat16" else nullcontext()
            )
            with half:
                row = _each(rate, subject.drawing(count, 20), count)
            ratio = rows[0]["ms a molecule"] / row["ms a molecule"] if rows else 1.0
            rows.append({"network": network, "numbers": numbers, **row, "times as fast": ratio})
    return rows


def _each(
    rate: Rate,
    drawing: Callable[[], object],
    count: int,
    warm: Callable[[], object] | None = None,
) -> Row:
    seconds = 1 / rate(drawing, warm) / count
    return {"ms a molecule": 1000 * seconds, "molecules/s": 1 / seconds}


def _fitting(atoms: int, quick: bool) -> int:
    """How many graphs of a size are drawn at a time."""
    return max(1, PAIRS_A_BATCH // atoms**2 // (20 if quick else 1))


def _memory(subject: Subject, count: int, quick: bool) -> Row:
    if quick or sys.platform != "linux":
        return {}
    if subject.device == "cpu":
        return {"memory (MB)": growth_mb(draw_once, subject.statistics.sizes, count)}
    torch.cuda.reset_peak_memory_stats()
    subject.drawing(count, 2)()
    return {"memory (MB)": torch.cuda.max_memory_allocated() / 1e6}
