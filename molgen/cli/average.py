"""`molgen average`: one model out of several."""

from pathlib import Path
from typing import Annotated

import typer


def average(
    models: Annotated[
        list[str], typer.Argument(help="Shipped names, checkpoints, or run folders; two or more.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the checkpoint.")],
) -> None:
    """The mean of energies that were trained apart, as one checkpoint (models of docking)."""
    from molgen.average import average

    typer.echo(average(models, output))
