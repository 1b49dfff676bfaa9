"""`molgen report`: one HTML file that tells a run's story, offline."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[
        Path,
        typer.Argument(
            help="Folder that `molgen evaluate`, `diagnose` or `dock` filled; or the last's SDF."
        ),
    ],
) -> None:
    """Write RUN/report.html (or poses.html): plots, tables with noise floors, molecules in 3-D."""
    from molgen.report.page import write_report

    typer.echo(write_report(run))
