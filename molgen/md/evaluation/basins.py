"""How often conformers are in each basin, and the free energies between."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from molgen.md.evaluation.ensemble import Ensemble, bead_variables, blocks, thermal
from molgen.md.evaluation.free_energy import basin_counts, log_ratio, populations
from molgen.md.system import System
from molgen.md.system.beads import BeadMapping

CONFIDENCE = 0.95


def basin_summary(
    system: System, mapping: BeadMapping, x: np.ndarray, chains: np.ndarray | None = None
) -> dict[str, Any]:
    """Share of each basin, and its free energy less that of the first, with intervals of 95 %.

    Args:
        system: whose basins.
        mapping: its beads.
        x: `[n, beads, dims]` nm.
        chains: label `[n]` of the chain that a frame comes from, where frames are correlated; a
            single chain counts as twenty, which is right if it is long.

    Returns:
        JSON content; empty if the system has no basins or the mapping not the atoms of its
        variables.
    """
    needed = {atom for atoms in system.compared.values() for atom in atoms if system.free}
    if not system.basins or not needed <= set(mapping.atoms):
        return {}
    variables = bead_variables(system, mapping)
    points = Ensemble.from_positions(x, variables).points
    if chains is not None and len(np.unique(chains)) < 2:
        chains = blocks(len(points))
    counts = basin_counts(points, list(variables), system.basins, chains)
    generator = torch.Generator().manual_seed(0)
    shares = populations(counts, confidence=CONFIDENCE, generator=generator)
    kT, unit = thermal(system)
    found: dict[str, Any] = {}
    for number, basin in enumerate(system.basins):
        entry = {"population": shares[number].to_dict()}
        if number:
            difference = log_ratio(counts, number, 0, confidence=CONFIDENCE, generator=generator)
            entry["free_energy"] = difference.scaled(kT).to_dict()
        found[basin.name] = entry
    return {"basins": found, "basins_of": f"95 % intervals; free energies in {unit}"}
