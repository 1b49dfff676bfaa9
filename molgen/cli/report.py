"""`molgen report`: one HTML file that tells a run's story, offline."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[
        Path,
        typer.Argument(
            help="Run folder that `molgen evaluate` or `molgen dock` filled, or the latter's SDF."
        ),
    ],
) -> None:
    """Write RUN/report.html (or poses.html): plots, tables with noise floors, molecules in 3-D."""
    from molgen.report.page import write_report

    typer.echo(write_report(run))
