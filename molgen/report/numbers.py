"""Numbers as text, rounded to what their uncertainty allows, and facts as rows."""

from collections.abc import Mapping
from math import floor, isfinite, log10
from typing import Any


def decimals(sd: float, digits: int = 2) -> int:
    """Decimals that show `digits` digits of an uncertainty."""
    if not sd > 0 or not isfinite(sd):
        return 4
    return max(0, digits - 1 - floor(log10(sd)))


def number(value: float, places: int) -> str:
    """A number with a true minus sign."""
    text = f"{value:.{places}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def plus_minus(value: float, sd: float) -> str:
    """`value ± sd` to two digits of sd; a narrow cell breaks it before the sign."""
    places = decimals(sd)
    return f"{number(value, places)} ±\u00a0{number(sd, places)}"


def facts(content: Mapping[str, Any], prefix: str = "") -> list[dict[str, str]]:
    """Provenance as rows: plain facts first, then each table as a section."""
    rows = [
        {"name": f"{prefix}{name}".replace("_", " "), "value": _text(value)}
        for name, value in content.items()
        if not isinstance(value, Mapping)
    ]
    for name, value in content.items():
        if isinstance(value, Mapping) and value:
            if not prefix:
                rows.append({"group": name.replace("_", " ")})
                rows += facts(value, " ")
            else:
                rows += facts(value, f"{prefix}{name}.")
    return rows


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(_text(entry) for entry in value)
    return str(value)
