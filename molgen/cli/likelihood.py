"""`molgen likelihood`: how likely a model finds data, or what a file holds."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import CheckpointArgument, Device, Probes, Seed


def likelihood(
    checkpoint: CheckpointArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Conformers (.xtc, .dcd, .pdb, .npz), molecules (.smi, .sdf), graphs (.npz) or "
            "poses (.sdf); held-out data if left out."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table; a JSON of the same name has the means.")
    ] = Path("likelihood.csv"),
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="Of the data or of the file, at most.")
    ] = 1000,
    noise: Annotated[
        bool | None,
        typer.Option(
            "--noise/--as-is",
            help="Add the least noise of the model first. Held-out data get it, a file does not.",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the flow, fourth order.")] = None,
    grid: Annotated[str | None, typer.Option(help="Its times: karras or uniform.")] = None,
    probes: Probes = None,
    receptor: Annotated[
        Path | None, typer.Option("--receptor", "-r", help="Of poses: .pdb or .cif.")
    ] = None,
    ligand: Annotated[
        Path | None,
        typer.Option("--ligand", "-l", help="Of poses: the ligand where it lies, .sdf or .mol2."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="So many at a time.")] = None,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Log q of held-out data, or of a file: exact by the probability flow; of graphs a bound.

    Interrupted, the same command goes on where it stopped.
    """
    from molgen.cli.progress import progress_bars
    from molgen.files import read_json
    from molgen.likelihood import ERROR, likelihood

    context = {"receptor": receptor, "ligand": ligand}
    with progress_bars() as progress:
        written = likelihood(
            checkpoint,
            file,
            output=output,
            count=count,
            noise=noise,
            steps=steps,
            grid=grid,
            probes=probes,
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=progress,
            **{name: path for name, path in context.items() if path is not None},
        )
    said = read_json(written.with_suffix(".json"))
    typer.echo(f"{said['quantity']} ({said['of']}, {said['count']})", err=True)
    for name, values in said.items():
        if isinstance(values, dict) and "standard_deviation" in values and name != ERROR:
            typer.echo(f"{name}: {values['mean']:.4f} +- {values['standard_error']:.4f}", err=True)
    typer.echo(output)
