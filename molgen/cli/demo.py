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
    from molgen.report.console import show
    from molgen.report.md.console import evaluation_table

    with progress_bars() as progress:
        done = demo(output, progress=progress)
    show(evaluation_table(done.evaluation.results))
    for line in (*done.evaluation.remarks, done.openmm):
        typer.echo(line)
    typer.echo(f"Report: {done.report.resolve()}")
