"""`molgen demo docking`: a drug of a crystal complex, from its bonds alone into the protein."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from molgen.chem.examples import example_complex
from molgen.docking.run import DockResult, dock
from molgen.report.page import write_report

EXAMPLE = "1s3v"
"""Dihydrofolate reductase with an antifolate (PDB code), which the package posebusters ships."""


def demo_docking(
    output: str | Path,
    *,
    model: str = "docking",
    poses: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[DockResult, Path]:
    """Dock a ligand whose pose is known, and write the page of it.

    poses.sdf, poses.csv, poses.json, poses.html

    Args:
        output: folder for all of it.
        model: a shipped name, a checkpoint, or a run folder.
        poses: drawn; as many as the recipe says if None.
        progress: told (what, done, total).

    Raises:
        UsageError: the model is not there.
    """
    protein, ligand = example_complex(EXAMPLE)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    done = dock(
        protein,
        ligand,
        output=folder / "poses.sdf",
        pocket=ligand,
        reference=ligand,
        model=model,
        poses=poses,
        progress=progress,
    )
    return done, write_report(folder / "poses.sdf")
