"""`molgen train`: a recipe becomes a run folder with a checkpoint."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[
        str, typer.Argument(help="A shipped recipe (`molgen list recipes`) or a .toml.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Run folder; runs/<recipe name> if left out."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="TABLE.KEY=VALUE", help="Change a value; may be repeated."),
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="The recipe's own size for a test.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in the folder.")
    ] = False,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="How many of them.")] = 1,
) -> None:
    """Train a model by a recipe; with --resume, continue where it stopped."""
    from molgen.cli.progress import progress_bars
    from molgen.config import load_recipe

    loaded = load_recipe(recipe, set_ or (), smoke=smoke)  # before torch is loaded: quick to refuse
    from molgen.train import train

    folder = output or Path("runs") / loaded.name
    with progress_bars() as progress:
        checkpoint = train(
            loaded,
            folder,
            resume=resume,
            accelerator=accelerator,
            devices=devices,
            progress=progress,
        )
    typer.echo(checkpoint)
