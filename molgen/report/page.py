"""`molgen report`: the page of a run folder, whichever pillar filled it."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from molgen.errors import UsageError
from molgen.files import write_text
from molgen.results import PILLAR, is_sdf, read_results

PAGE = "report.html"

PAGES: Mapping[str, str] = {
    "md": "molgen.report.md.page",
    "peptides": "molgen.report.peptides",
    "graphs": "molgen.report.graphs.page",
    "docking": "molgen.report.docking.page",
    "poses": "molgen.report.poses.page",
    "diagnosis": "molgen.report.diagnosis",
}
"""Pillar -> the module whose `page(result)` is the text; imported only when asked for."""


def write_report(result: str | Path) -> Path:
    """Write the page of a run folder, `report.html` in it, or of docked poses; returns its path.

    Args:
        result: A folder that an evaluation, `molgen diagnose` or `molgen dock` filled; or the SDF
            that the last of these wrote, whose page lies beside it.

    Raises:
        UsageError: There are no results, or they cannot be read.
        MolgenError: The page cannot be written.
    """
    result = Path(result)
    pillar = read_results(result)[PILLAR]
    if pillar not in PAGES:
        raise UsageError(f"{result}: an evaluation of '{pillar}', which has no page")
    text: str = import_module(PAGES[pillar]).page(result)
    path = result.with_suffix(".html") if is_sdf(result) else result / PAGE
    write_text(path, text)
    return path
