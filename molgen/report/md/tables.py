"""Tables of a report: rows of plain text, numbers rounded to what their uncertainty allows."""

from collections.abc import Mapping
from math import pi
from typing import Any

from molgen.md.evaluation.certificate import SIGNIFICANT
from molgen.md.evaluation.results import Results
from molgen.report.md.look import COLOURS, LABELS
from molgen.report.md.maps import basin_symbol
from molgen.report.numbers import decimals, number, plus_minus
from molgen.report.plots import strip_svg

TITLES = {
    "js": "Jensen–Shannon divergence (nats)",
    "pmf": "PMF error ((kT)²)",
}
GAP = "Simulation against samples"
FAR = 1.5
"""Half-widths of a 95 % interval (so 3 sd) at which a free energy is marked as off."""


def sources_of(results: Results) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(kind, name, metrics) of every comparison there is, the gap between the two last."""
    rows: list[tuple[str, str, Mapping[str, Any]]] = [
        (source, LABELS[source], results.comparisons[source]["metrics"])
        for source in ("iid", "simulation")
        if source in results.comparisons
    ]
    if results.certificate:
        rows.append(("gap", GAP, results.certificate))
    return rows


def cards(results: Results) -> list[dict[str, str]]:
    """The headline numbers: debiased PMF errors, the value and floor beneath."""
    found = []
    for kind, _, metrics in sources_of(results):
        pmf, js = metrics["pmf"], metrics["js"]
        places = decimals(pmf["sd"])
        title = "PMF gap between the two" if kind == "gap" else f"PMF error of the {_word(kind)}"
        found.append(
            {
                "kind": "both" if kind == "gap" else kind,
                "title": title,
                "value": number(pmf["debiased"], places),
                "small": f"± {number(pmf['sd'], places)} (kT)²",
                "note": f"debiased; {pmf['value']:.4f} at a noise floor of "
                f"{pmf['floor'] + pmf['excess']:.4f}. JS {js['value']:.4f}, "
                f"floor {js['floor'] + js['excess']:.4f}",
            }
        )
    return found


def metric_groups(results: Results) -> list[dict[str, Any]]:
    """One group of rows a metric: every comparison, then the best published numbers."""
    groups = []
    rows = sources_of(results)
    for key, title in TITLES.items() if rows else ():
        lines = [_metric_row(kind, name, metrics[key]) for kind, name, metrics in rows]
        if results.baseline:
            lines.append(_metric_row("reference", "Training frames", results.baseline[key]))
        lines += [
            _metric_row(source, f"{LABELS[source]}, as many as published", c["published_size"][key])
            for source, c in results.comparisons.items()
            if "published_size" in c
        ]
        for source in ("iid", "simulation"):
            label, value = best_published(results, source, key)
            if label is not None:
                lines.append(
                    {
                        "kind": source,
                        "name": f"{LABELS[source]}, {label}",
                        "value": f"{value:.4f}",
                        "reading": "best published",
                        "published": True,
                    }
                )
        groups.append({"title": title, "rows": lines})
    return groups


def best_published(results: Results, source: str, key: str) -> tuple[str | None, float]:
    """Whose quoted value of a metric is the smallest, and the value; (None, nan) without any."""
    found = {
        label: by_source[source][key]
        for label, by_source in results.published.items()
        if key in by_source.get(source, {})
    }
    label = min(found, key=lambda name: found[name], default=None)
    return label, found[label] if label is not None else float("nan")


def _metric_row(kind: str, name: str, m: Mapping[str, Any]) -> dict[str, Any]:
    places = min(max(decimals(m["null_sd"]), 4), 6)
    floor_value, floor_sd = (number(x, places) for x in (m["floor"] + m["excess"], m["null_sd"]))
    reading, mood = "at the floor", "ok"
    if m["z"] >= SIGNIFICANT:
        reading, mood = f"{m['z']:.0f} σ above", "off"
    elif m["z"] <= -SIGNIFICANT:  # closer than independent sets can be
        reading, mood = f"{-m['z']:.0f} σ below: shared frames?", "off"
    return {
        "kind": kind,
        "name": name,
        "frames": f"{m['n']:,} : {m['reference_n']:,}",
        "value": number(m["value"], places),
        "floor": f"{floor_value} ±\u00a0{floor_sd}",
        "debiased": plus_minus(m["debiased"], m["sd"]),
        "strip": strip_svg(
            m["value"],
            m["floor"] + m["excess"],
            2 * m["null_sd"],
            COLOURS.get(kind, COLOURS["reference"]),
        ),
        "reading": reading,
        "mood": mood,
    }


def basin_table(results: Results) -> dict[str, Any] | None:
    """Populations and free energy differences, a column a source, errors marked if significant."""
    found = {k: c["basins"] for k, c in results.comparisons.items() if "basins" in c}
    if not found:
        return None
    first = next(iter(found.values()))
    heads = ["Reference", *(LABELS[source] for source in found)]
    rows: list[dict[str, Any]] = [{"group": "population (%)"}]
    for basin, shares in first["populations"].items():
        cells = [_interval(shares["reference"], 100)]
        cells += [_interval(b["populations"][basin]["samples"], 100) for b in found.values()]
        rows.append({"name": basin_symbol(basin), "cells": cells})
    unit = first["differences"][0]["unit"] if first["differences"] else "kJ/mol"
    start = basin_symbol(next(iter(first["populations"])))
    rows.append({"group": f"free energy relative to {start} ({unit})"})
    for k, line in enumerate(first["differences"]):
        cells = [_interval(line["reference"], 1)]
        for b in found.values():
            cell, error = _interval(b["differences"][k]["samples"], 1), b["differences"][k]["error"]
            if error["value"] is not None:
                half = 0.5 * (error["high"] - error["low"])
                cell["mood"] = "off" if abs(error["value"]) > FAR * half else ""
            cells.append(cell)
        rows.append({"name": basin_symbol(line["basin"]), "cells": cells})
    return {
        "heads": heads,
        "rows": rows,
        "relative_to": start,
        "unit": unit,
        "confidence": round(100 * first["confidence"]),
    }


def _interval(interval: Mapping[str, float | None], factor: float) -> dict[str, str]:
    value, low, high = interval["value"], interval["low"], interval["high"]
    if value is None or low is None or high is None:
        return {"text": "not visited", "mood": "off"}
    half = 0.5 * (high - low) * factor
    return {"text": plus_minus(value * factor, half), "mood": ""}


def length_rows(results: Results) -> tuple[list[str], list[dict[str, Any]]]:
    """Column heads and rows of W1 distances of bonds (pm) and angles (degrees)."""
    compared = [s for s in ("iid", "simulation") if s in results.comparisons]
    heads = ["mean ± sd, reference"]
    for source in compared:
        heads += [f"W1, {_word(source)}", "floor"]
    rows = []
    for kind, factor, unit in (
        ("distances", 1000.0, "pm"),
        ("angles", 180 / pi, "°"),
    ):
        names = results.comparisons[compared[0]].get(kind, {}) if compared else {}
        for name in names:
            cells: list[str] = []
            for source in compared:
                entry = results.comparisons[source][kind][name]
                if not cells:
                    mean = entry["reference"]
                    cells.append(f"{mean['mean'] * factor:.2f} ± {mean['sd'] * factor:.2f} {unit}")
                w1 = entry["w1"]
                cells.append(f"{w1['value'] * factor:.3f} {unit}")
                cells.append(f"{(w1['floor'] + w1['excess']) * factor:.3f} {unit}")
            rows.append({"name": name.replace(" - ", "–"), "cells": cells})
    return heads, rows


def _word(kind: str) -> str:
    return {"iid": "samples", "simulation": "simulation"}[kind]
