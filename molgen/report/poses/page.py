"""The page of a docking: poses in their pocket, in three dimensions, and what is known of each."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from molgen.chem.depiction import molecule_svg
from molgen.chem.pose_checks import check_names
from molgen.chem.pose_files import PoseRecord, read_pose_records
from molgen.docking.poses import (
    BEST_BY,
    COLUMNS,
    CONTACTS,
    NAME,
    RANK,
    RECEPTOR,
    RMSD,
    SURE,
    VALID,
)
from molgen.errors import UsageError
from molgen.files import read_json
from molgen.report.frame import ASSETS, fill
from molgen.report.numbers import facts, number
from molgen.report.plots import Series, densities_svg
from molgen.report.style import SERIES
from molgen.results import KEY, summary_of

SHOWN_LIGANDS = 30
"""Of a library, the best, whose poses the page holds."""

SHOWN_FAILURES = 100

TITLES = {
    "energy_kcal_mol": "energy (kcal/mol)",
    "affinity_kcal_mol": "affinity (kcal/mol)",
    RMSD: "RMSD (Å)",
    VALID: "checks",
}
"""Columns whose title is not their name."""


def page(result: Path) -> str:
    """The page of an SDF or a folder that `molgen dock` wrote.

    Raises:
        UsageError: a file is missing or cannot be read.
    """
    path = summary_of(result)
    summary = read_json(path)
    files = summary[KEY]
    ranking = _table(path.parent / files["ranking"]) if "ranking" in files else None
    wanted = None if ranking is None else [_key(row) for row in ranking[:SHOWN_LIGANDS]]
    ligands = _ligands(read_pose_records(path.parent / files["file"]), wanted)
    if not ligands:
        raise UsageError(f"{path.parent / files['file']}: holds no poses")
    failures = _table(path.parent / files["failures"]) if "failures" in files else []
    receptors = summary["receptors"]
    first = ligands[0][0].values
    only = ranking is None
    names = ", ".join(one["name"] for one in receptors)
    if len(receptors) > 3:
        names = f"{len(receptors)} receptors"
    return fill(
        "poses.html",
        title=f"{first[NAME] if only else _count(ranking or ())} in {names}",
        subtitle=summary["ligand"]["smiles"] if only else _settings(summary),
        picture=molecule_svg(summary["ligand"]["smiles"]) if only else None,
        cards=_cards(summary, ligands, ranking),
        notes=summary["ligand"]["notes"] if only else [],
        receptors=receptors,
        ranking=None if ranking is None else _ranking(ranking[:SHOWN_LIGANDS]),
        ranked=len(ranking or ()),
        histogram=None if ranking is None or len(ranking) < 20 else _histogram(ranking),
        failures=failures[:SHOWN_FAILURES],
        failed=len(failures),
        viewer=_viewer(path.parent, summary, ligands),
        facts=facts(
            {
                "settings": {k: v for k, v in summary["settings"].items() if v is not None},
                "seconds": summary["seconds"],
                **summary["provenance"],
            }
        ),
    )


def _key(values: Mapping[str, str]) -> tuple[str, str]:
    return values[RECEPTOR], values[NAME]


def _table(path: Path) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error


def _ligands(
    records: Iterable[PoseRecord], wanted: Sequence[tuple[str, str]] | None
) -> list[list[PoseRecord]]:
    """The poses of each ligand; of those that are wanted, in that order."""
    groups: dict[tuple[str, str], list[PoseRecord]] = {}
    for record in records:
        if wanted is None or _key(record.values) in wanted:
            groups.setdefault(_key(record.values), []).append(record)
    return [groups[key] for key in (wanted or groups) if key in groups]


def _count(ranking: Sequence[Mapping[str, str]]) -> str:
    return f"{len({row[NAME] for row in ranking}):,} ligands"


def _settings(summary: Mapping[str, Any]) -> str:
    settings = summary["settings"]
    return f"{settings['poses']} poses drawn of each, scored by {settings['scoring'].capitalize()}"


def _cards(
    summary: Mapping[str, Any],
    ligands: Sequence[Sequence[PoseRecord]],
    ranking: Sequence[Mapping[str, str]] | None,
) -> list[dict[str, str]]:
    seconds = sum(summary["seconds"].values())
    if ranking is None:
        poses = [record.values for record in ligands[0]]
        best = poses[0]
        cards = [
            _card("iid", "Affinity", best[BEST_BY], "kcal/mol", "of the best pose"),
        ]
        if SURE in best:
            share = f"{100 * float(best[SURE]):.0f}"
            cards.insert(0, _card("iid", "Confidence", share, "%", "that the best is within 2 Å"))
        if RMSD in best:
            nearest = min(float(pose[RMSD]) for pose in poses)
            note = f"from the known pose; of all poses the nearest {nearest:.2f} Å"
            cards.insert(0, _card("iid", "RMSD of the best", best[RMSD], "Å", note))
        drawn = f"from {summary['settings']['poses']} that were drawn"
        if VALID in best:
            passed = sum(pose[VALID] == "True" for pose in poses)
            note = f"poses pass all checks, {drawn}"
            cards.append(_card("iid", "Valid", str(passed), f"of {len(poses)}", note))
        else:
            cards.append(_card("iid", "Different poses", str(len(poses)), "", drawn))
        spent = ", ".join(f"{stage} {value:.1f}" for stage, value in summary["seconds"].items())
        cards.append(_card("both", "Time", f"{seconds:.1f}", "s", spent))
        return cards
    affinities = [float(row[BEST_BY]) for row in ranking]
    cards = [
        _card("iid", "Docked", f"{summary['docked']:,}", "", f"{summary['failed']:,} failed"),
        _card(
            "iid",
            "Best affinity",
            ranking[0][BEST_BY],
            "kcal/mol",
            f"{ranking[0][NAME]}; the median is {number(median(affinities), 2)}",
        ),
    ]
    if VALID in ranking[0]:
        passed = sum(row[VALID] == "True" for row in ranking)
        share = f"{100 * passed / len(ranking):.1f}"
        cards.append(_card("iid", "Valid", share, "%", "of the best poses pass all checks"))
    note = "of one processor, in one receptor"
    cards.append(_card("both", "Time a ligand", f"{seconds / len(ranking):.2f}", "s", note))
    return cards


def _card(kind: str, title: str, value: str, small: str, note: str) -> dict[str, str]:
    value = value.replace("-", "−")
    return {"kind": kind, "title": title, "value": value, "small": small, "note": note}


def _ranking(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The ligands as a table with pictures."""
    heads = [RECEPTOR, NAME, *(column.name for column in COLUMNS), RMSD, VALID]
    heads = [head for head in heads if head in rows[0]]
    if len({row[RECEPTOR] for row in rows}) == 1:
        heads.remove(RECEPTOR)
    return {
        "heads": [_title(head) for head in heads],
        "rows": [
            {
                "picture": molecule_svg(row["smiles"]),
                "cells": [_cell(head, row[head]) for head in heads],
            }
            for row in rows
        ],
    }


def _cell(head: str, value: str) -> str:
    if head == VALID:
        return {"True": "pass", "False": "fail"}.get(value, "")
    return value if head in (RECEPTOR, NAME) else value.replace("-", "−")


def _title(head: str) -> str:
    return TITLES.get(head, head.replace("_", " "))


def _histogram(rows: Sequence[Mapping[str, str]]) -> str:
    values = np.array([float(row[BEST_BY]) for row in rows])
    edges = np.linspace(values.min(), values.max() + 1e-6, min(40, 5 + len(values) // 10))
    return densities_svg(
        "affinities",
        "Best affinity of each ligand",
        [Series(values, SERIES[0], filled=True)],
        "kcal/mol",
        edges,
    )


def _viewer(
    folder: Path, summary: Mapping[str, Any], ligands: Sequence[Sequence[PoseRecord]]
) -> dict[str, Any]:
    heads = [RANK, *(column.name for column in COLUMNS), RMSD, VALID]
    heads = [head for head in heads if head in ligands[0][0].values]
    shown = {record.values[RECEPTOR] for poses in ligands for record in poses}
    content = {
        "pockets": {
            one["name"]: _text(folder / one["pocket"])
            for one in summary["receptors"]
            if one["name"] in shown
        },
        "heads": [_title(head) for head in heads],
        "reference": summary.get("ligand", {}).get("reference"),
        "ligands": [
            {
                "name": poses[0].values[NAME],
                "receptor": poses[0].values[RECEPTOR],
                "poses": [
                    {
                        "block": record.block,
                        "cells": [_cell(head, record.values.get(head, "")) for head in heads],
                        "failed": [c for c in check_names() if record.values.get(c) == "False"],
                        "contacts": [c for c in record.values.get(CONTACTS, "").split("; ") if c],
                    }
                    for record in poses
                ],
            }
            for poses in ligands
        ],
    }
    return {
        # "</" would end the script element that carries the data
        "json": json.dumps(content).replace("</", "<\\/"),
        "library": (ASSETS / "3Dmol-min.js").read_text(encoding="utf-8"),
        "script": (ASSETS / "poses.js").read_text(encoding="utf-8"),
        "licences": (ASSETS / "3Dmol-LICENSES.txt").read_text(encoding="utf-8"),
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
