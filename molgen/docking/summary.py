"""How poses were made and from what: a JSON, the pockets as PDB, and remarks for the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from molgen.chem.pdbqt import receptor_pdb
from molgen.docking.desk import DockPlan
from molgen.docking.place import POCKET, Place
from molgen.docking.target import Target
from molgen.files import write_json, write_text
from molgen.results import KEY, PILLAR
from molgen.run import SUMMARY
from molgen.units import ANGSTROM


def write_summary(
    plan: DockPlan,
    place: Place,
    targets: Sequence[Target],
    *,
    counts: Mapping[str, int],
    seconds: Mapping[str, float],
    started: Mapping[str, Any],
    files: Mapping[str, str],
    ligand: Mapping[str, Any] | None = None,
    steering: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the JSON says, once it and the pockets are written.

    Args:
        plan: what was asked.
        place: of the files.
        targets: the receptors.
        counts: of what came of it.
        seconds: by stage.
        started: how the run was.
        files: what the page of the poses is made from, by the names they have in a folder.
        ligand: that was docked, if it was one.
        steering: what it said of the drawn poses, if it steered those of one ligand.
    """
    pockets = {
        target.name: place[POCKET if len(targets) == 1 else f"{target.name}.{POCKET}"]
        for target in targets
    }
    for target in targets:
        write_text(pockets[target.name], receptor_pdb(target.pocket.receptor))
    summary = {
        **counts,
        **({} if ligand is None else {"ligand": ligand}),
        **({} if steering is None else {"steering": steering}),
        "model": plan.model,
        "settings": {k: v for k, v in plan.identity().items() if k != "receptors"},
        "receptors": [
            {
                "name": target.name,
                "file": str(path),
                "pocket": pockets[target.name].name,
                "center_A": (target.pocket.centre / ANGSTROM).round(3).tolist(),
                "radius_A": round(target.pocket.radius / ANGSTROM, 3),
                "pocket_atoms": len(target.pocket.receptor),
                "besides_protein": target.guests,
                "repairs": target.repairs,
            }
            for target, path in zip(targets, plan.receptors, strict=True)
        ],
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "provenance": dict(started),
        KEY: {PILLAR: "poses", **{kind: place[name].name for kind, name in files.items()}},
    }
    write_json(place[SUMMARY], summary)
    return summary


def remarks_on(targets: Sequence[Target]) -> list[str]:
    """A line for each thing that a user should know of the receptors."""
    lines = []
    for target in targets:
        lines += [f"{target.name}: {line}" for line in target.repairs]
        if target.guests:
            lines.append(
                f"{target.name}: in the pocket besides protein: {', '.join(target.guests)}"
            )
    return lines
