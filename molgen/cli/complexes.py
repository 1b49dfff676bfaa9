"""`molgen data prepare-complexes`: complexes of a folder for the training of docking."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Seed


def prepare_complexes(
    folder: Annotated[
        Path,
        typer.Argument(help="Of NAME/*_protein.pdb (or _pocket.pdb) with NAME/*_ligand.sdf."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="An .npz.")],
    variants: Annotated[
        int, typer.Option(min=1, help="Conformers and cuts into fragments of each ligand.")
    ] = 8,
    radius: Annotated[float, typer.Option(min=1, help="Of the pockets, Å.")] = 15.0,
    seed: Seed = 0,
) -> None:
    """Prepare complexes for training; what cannot be used is listed in NAME.skipped.csv."""
    from molgen.cli.progress import progress_bars
    from molgen.docking.manifest import csv_text
    from molgen.docking.prepare import prepare
    from molgen.docking.system_set import SystemSet
    from molgen.errors import UsageError
    from molgen.files import write_text

    if output.suffix != ".npz":
        raise UsageError(f"{output}: complexes are written as .npz")
    output.parent.mkdir(parents=True, exist_ok=True)
    with progress_bars() as progress:
        skipped = prepare(
            folder, output, variants=variants, radius=radius / 10, seed=seed, progress=progress
        )
    write_text(output.with_suffix(".skipped.csv"), csv_text(("name", "reason"), skipped))
    for name, reason in skipped:
        typer.echo(f"skipped: {name}: {reason}", err=True)
    typer.echo(f"{len(SystemSet.load(output))} complexes, {len(skipped)} skipped")
    typer.echo(output)
