"""`molgen sample`: independent conformers or graphs from a checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import CheckpointArgument, Device, Seed


def sample(
    checkpoint: CheckpointArgument,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Conformers: .xtc, .dcd, .pdb, .npz. Molecules: .smi, .sdf; other graphs: .npz.",
        ),
    ],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 10_000,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Solver steps; the recipe's if left out.")
    ] = None,
    solver: Annotated[
        str | None,
        typer.Option(
            help="adams, heun, ancestral, s4, euler_maruyama or predictor_corrector; the recipe's "
            "if left out."
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="How many at a time; what suits the model if left out."),
    ] = None,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Draw independent conformers, molecules or graphs: from noise by the reverse process."""
    from importlib import import_module

    from molgen import checkpoint as checkpoints
    from molgen.cli.progress import progress_bars

    pillar = checkpoints.load(checkpoint).recipe.task
    with progress_bars() as progress:
        import_module(f"molgen.{pillar}.sample").sample(
            checkpoint,
            count=count,
            output=output,
            steps=steps,
            solver=solver,
            **({} if batch_size is None else {"batch_size": batch_size}),
            seed=seed,
            device=device,
            progress=progress,
        )
    typer.echo(output)
