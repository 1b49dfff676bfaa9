"""The page of a diagnosis: verdicts, and of every diagnostic its plots and numbers."""

import math
from pathlib import Path
from typing import Any

from molgen.errors import UsageError
from molgen.report.frame import fill
from molgen.report.numbers import facts, number, plus_minus
from molgen.report.plots import curves_svg
from molgen.results import Curve, read_results, run_facts, summary_of

WORDS = {"good": "good", "fair": "fair", "poor": "poor", "plain": "note"}
"""What stands on a verdict's badge."""


def page(folder: Path) -> str:
    """The page of the diagnosis in a folder.

    Raises:
        UsageError: The folder holds none, or it cannot be read.
    """
    content = read_results(folder)
    try:
        return render({**content, "provenance": {**content["provenance"], **run_facts(folder)}})
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{summary_of(folder)}: cannot be read: {error!r}") from error


def render(content: dict[str, Any]) -> str:
    """The page as text: no link leads out of it."""
    findings = content["findings"]
    shown = [_section(key, one) for key, one in findings.items() if one["numbers"] or one["plots"]]
    left_out = [one for one in findings.values() if not one["numbers"] and not one["plots"]]
    return fill(
        "diagnosis.html",
        title=content["title"],
        subtitle=content["subtitle"],
        points=content["points"],
        sections=shown,
        left_out=left_out,
        facts=facts(content["provenance"]),
    )


def _section(key: str, finding: dict[str, Any]) -> dict[str, Any]:
    return {
        **finding,
        "key": key,
        "word": WORDS[finding["mood"]],
        "numbers": [
            {**one, "text": value_text(one["value"], one["error"])} for one in finding["numbers"]
        ],
        "plots": [
            {"svg": _plot(f"{key}-{k}", one), "note": one["note"]}
            for k, one in enumerate(finding["plots"])
        ],
    }


def value_text(value: float | None, error: float | None) -> str:
    """`value ± error` to two digits of the error; three digits of a value without one."""
    if value is None:
        return "not finite"
    if not error:
        return number(value, 0) if value == 0 else f"{value:.3g}".replace("-", "−")
    size = max(abs(value), error)
    if 1e-3 <= size < 1e5:
        return plus_minus(value, error)
    power = math.floor(math.log10(size))
    return f"({plus_minus(value / 10**power, error / 10**power)}) 10{_raised(power)}"


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _plot(name: str, plot: dict[str, Any]) -> str:
    lines = [line for line in plot["lines"] if line["x"]]
    return curves_svg(
        name,
        [_curve(line) for line in lines],
        plot["x_label"],
        plot["y_label"],
        log_x=plot["log_x"],
        log_y=plot["log_y"],
        title=plot["title"],
        points=[line["name"] for line in lines if line["style"] == "points"],
        rules=[line["name"] for line in lines if line["style"] == "rule"],
    )


def _curve(line: dict[str, Any]) -> Curve:
    """A line as plots have it; a value that is not finite leaves a gap."""

    def gap(values: list[float] | None) -> list[float] | None:
        return values and [math.nan if value is None else value for value in values]

    return Curve(line["name"], line["x"], gap(line["y"]) or [], gap(line["low"]), gap(line["high"]))
