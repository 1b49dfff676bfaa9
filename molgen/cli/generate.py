"""`molgen md generate`: reference data of a system by its own force field."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Seed


def generate(
    system: Annotated[
        str, typer.Argument(help="A shipped system (`molgen list systems`) or a folder.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Frame folder.")],
    frames: Annotated[int, typer.Option(min=1, help="Frames to write.")] = 100_000,
    seed: Seed = 0,
) -> None:
    """Generate equilibrium frames, energies and forces; run again to continue."""
    from molgen.md.generate import generate

    generate(system, output, frames=frames, seed=seed)
