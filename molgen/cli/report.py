"""`molgen report`: one HTML file that tells a run's story, offline."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Run folder that `molgen evaluate` filled.")],
) -> None:
    """Write RUN/report.html: plots, tables with noise floors, conformers or drawn molecules."""
    from molgen.report.page import write_report

    typer.echo(write_report(run))
