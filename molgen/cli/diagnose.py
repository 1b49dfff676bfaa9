"""`molgen diagnose`: what a checkpoint's score is worth, as one page."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import CheckpointArgument, Device, LigandOfPoses, ReceptorOfPoses, Seed


def diagnose(
    checkpoint: CheckpointArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; runs/diagnose-CHECKPOINT if left out."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer points: half a minute, larger errors.")
    ] = False,
    receptor: ReceptorOfPoses = None,
    ligand: LigandOfPoses = None,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Look at the score of any checkpoint: is it a gradient, of one density, as sure as it may be?

    Writes diagnosis.json and report.html into the folder, and prints the verdicts.
    """
    from molgen.cli.progress import progress_bars
    from molgen.diagnosis import diagnose

    with progress_bars() as progress:
        found = diagnose(
            checkpoint,
            output,
            quick=quick,
            seed=seed,
            device=device,
            receptor=receptor,
            ligand=ligand,
            progress=progress,
        )
    for line in (found.points, *found.verdicts, found.page):
        typer.echo(line)
