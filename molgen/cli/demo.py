"""`molgen demo`: the main job on real input, from shipped weights to a report."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for all it writes.")
    ] = Path("runs/demo"),
) -> None:
    """Sample and simulate alanine dipeptide with one shipped model; compare; write the report."""
    from molgen.cli.progress import progress_bars
    from molgen.demo import demo

    with progress_bars() as progress:
        report = demo(output, progress=progress)
    typer.echo(report)
