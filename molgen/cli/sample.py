"""`molgen sample`: independent conformers from a checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import CheckpointArgument, Device, OutputFile, Seed


def sample(
    checkpoint: CheckpointArgument,
    output: OutputFile = Path("samples.xtc"),
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 10_000,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Solver steps; the recipe's if left out.")
    ] = None,
    solver: Annotated[
        str | None, typer.Option(help="adams, heun, euler_maruyama or predictor_corrector.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Conformers at a time.")] = 10_000,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Draw independent conformers: from noise to molecules by the reverse process."""
    from molgen.cli.progress import progress_bars
    from molgen.md.sample import sample

    with progress_bars() as progress:
        sample(
            checkpoint,
            count=count,
            output=output,
            steps=steps,
            solver=solver,
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=progress,
        )
    typer.echo(output)
