"""`molgen sample`: independent conformers or graphs from a checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Device, ModelOption, Seed

Count = Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Solver steps; the recipe's if left out.")]
Solver = Annotated[
    str | None,
    typer.Option(
        help="adams, heun, ancestral, s4, euler_maruyama or predictor_corrector; the recipe's if "
        "left out."
    ),
]


def sample_md(
    model: ModelOption,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Trajectory: .xtc, .dcd, .pdb; .npz for test systems."),
    ],
    count: Count = 10_000,
    steps: Steps = None,
    solver: Solver = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Conformers at a time.")] = 10_000,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Draw independent conformers: from noise by the reverse process."""
    from molgen.cli.progress import progress_bars
    from molgen.md.sample import sample

    with progress_bars() as progress:
        sample(
            model,
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


def sample_graphs(
    model: ModelOption,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Molecules: .smi, .sdf; graphs as drawn: .npz."),
    ],
    count: Count = 1000,
    steps: Steps = None,
    solver: Solver = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Graphs at a time.")] = 500,
    seed: Seed = 0,
    device: Device = "cpu",
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Correct what is not valid or not connected; said in .repaired.csv."
        ),
    ] = False,
    three_d: Annotated[
        bool, typer.Option("--three-d", help="An .sdf with coordinates in space, by ETKDG.")
    ] = False,
) -> None:
    """Draw molecules or other graphs: from noise by the reverse process.

    Interrupted, the same command goes on where it stopped.
    """
    from molgen.cli.progress import progress_bars
    from molgen.graphs.sample import sample

    with progress_bars() as progress:
        sample(
            model,
            count=count,
            output=output,
            steps=steps,
            solver=solver,
            batch_size=batch_size,
            seed=seed,
            device=device,
            repair=repair,
            three_d=three_d,
            progress=progress,
        )
    typer.echo(output)
