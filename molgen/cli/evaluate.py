"""`molgen evaluate`: numbers of a checkpoint against the reference and against itself."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import CheckpointArgument, Seed


def evaluate(
    checkpoint: CheckpointArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; the run folder if left out.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Sample, simulate and compare both with the reference, each number beside its noise floor."""
    from molgen.cli.progress import progress_bars
    from molgen.md.evaluate import evaluate

    with progress_bars() as progress:
        evaluate(checkpoint, output=output, seed=seed, progress=progress)
