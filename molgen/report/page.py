"""`molgen report`: the page of a run folder, whichever pillar filled it."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from molgen.errors import UsageError
from molgen.files import write_text
from molgen.results import PILLAR, read_results

PAGE = "report.html"

PAGES: Mapping[str, str] = {"md": "molgen.report.md.page", "graphs": "molgen.report.graphs.page"}
"""Pillar -> the module whose `page(folder)` is the text; imported only when asked for."""


def write_report(run_folder: str | Path) -> Path:
    """Write `report.html` into a run folder from what an evaluation put there; returns its path.

    Raises:
        UsageError: The folder holds no results, or they cannot be read.
        MolgenError: The page cannot be written.
    """
    folder = Path(run_folder)
    pillar = read_results(folder)[PILLAR]
    if pillar not in PAGES:
        raise UsageError(f"{folder}: an evaluation of '{pillar}', which has no page")
    text: str = import_module(PAGES[pillar]).page(folder)
    write_text(folder / PAGE, text)
    return folder / PAGE
