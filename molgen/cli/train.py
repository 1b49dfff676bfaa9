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
) -> None:
    """Train a model by a recipe; with --resume, continue where it stopped."""
    from molgen.config import load_recipe

    loaded = load_recipe(recipe, set_ or (), smoke=smoke)  # before torch is loaded: quick to refuse
    from molgen.train import train

    train(loaded, output or Path("runs") / loaded.name, resume=resume)
