"""`molgen tune-grid`: the best time grid for a solver and its steps."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import CheckpointArgument, Device, Seed, Solver, Steps, Teleport


def tune_grid(
    checkpoint: CheckpointArgument,
    solver: Solver = None,
    steps: Steps = None,
    teleport: Teleport = None,
    draws: Annotated[int, typer.Option(min=2, help="Draws that each grid is judged by.")] = 256,
    tries: Annotated[int, typer.Option(min=1, help="Grids to try.")] = 150,
    receptor: Annotated[
        Path | None, typer.Option(help="Of docking models: a protein; an example if left out.")
    ] = None,
    ligand: Annotated[
        Path | None, typer.Option(help="And the ligand where it lies: .sdf or .mol2.")
    ] = None,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Search for the best time grid and keep it beside the weights, for --grid searched."""
    from molgen.cli.progress import progress_bars
    from molgen.tune import tune_grid

    files = {"receptor": receptor, "ligand": ligand}
    with progress_bars() as progress:
        found = tune_grid(
            checkpoint,
            solver=solver,
            steps=steps,
            teleport=teleport,
            draws=draws,
            tries=tries,
            seed=seed,
            device=device,
            progress=progress,
            **{name: path for name, path in files.items() if path is not None},
        )
    typer.echo(
        f"{found}: {found.evaluations} evaluations, error {found.error:.3g} where the usual grid "
        f"has {found.usual_error:.3g}"
    )
