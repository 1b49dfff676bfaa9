"""The verdicts of PoseBusters on many poses of one ligand, in a small part of its time.

All checks of its configuration "redock" but the RMSD, by that configuration's own limits
(Buttenschoen et al. 2024). What does not depend on the pose is done once a ligand or receptor.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import rdkit
from numpy.typing import NDArray
from posebusters import PoseBusters
from rdkit import Chem, rdBase

from molgen.chem.pose_chemistry import (
    atoms_connected,
    identity,
    inchi_convertible,
    loading,
    radicals,
    rdkit_sanity,
)
from molgen.chem.pose_geometry import distance_geometry, flatness
from molgen.chem.pose_strain import energy_ratio
from molgen.chem.pose_surroundings import Surroundings, intermolecular_distance, volume_overlap
from molgen.chem.posed import Posed, Verdicts

_OF_LIGAND: dict[str, Callable[..., Verdicts]] = {
    "loading": loading,
    "rdkit_sanity": rdkit_sanity,
    "inchi_convertible": inchi_convertible,
    "atoms_connected": atoms_connected,
    "check_radicals": radicals,
    "identity": identity,
    "distance_geometry": distance_geometry,
    "flatness": flatness,
    "energy_ratio": energy_ratio,
}
_OF_BOTH: dict[str, Callable[..., Verdicts]] = {
    "intermolecular_distance": intermolecular_distance,
    "volume_overlap": volume_overlap,
}


def posebusters_checks(
    molecule: Chem.Mol,
    poses: NDArray[np.float64],
    surroundings: Surroundings,
    reference: NDArray[np.float64] | None = None,
) -> list[dict[str, bool | None]]:
    """Of each pose the verdict on every check, by PoseBusters' names; None where it gives none.

    Args:
        molecule: The ligand, sanitised, heavy atoms only.
        poses: [poses, atoms, 3], nm.
        surroundings: All of the receptor file.
        reference: [atoms, 3], nm; the pose that gives the stereo that poses should have. Without
            it that is the ligand's own, and any where it leaves some open.

    Raises:
        MolgenError: there is no pose, or one is not of the ligand's atoms.
    """
    # PoseBusters leaves RDKit's log with the stderr of its last call, which may be closed by now.
    rdkit.log_handler.stream = sys.stderr
    checks: list[dict[str, bool | None]] = [{} for _ in poses]
    with rdBase.BlockLogs():
        posed = Posed.of(molecule, poses, reference)
        for module, names in _modules():
            function, parameters = module["function"], module.get("parameters", {})
            if function in _OF_BOTH:
                verdicts = _OF_BOTH[function](posed, surroundings, **parameters)
            else:
                verdicts = _OF_LIGAND[function](posed, **parameters)
            for output, name in names.items():
                for check, verdict in zip(checks, verdicts[output], strict=True):
                    check[name] = verdict
    return checks


def is_valid(checks: Mapping[str, bool | None]) -> bool:
    """Whether a pose fails no check; what has no verdict does not count, as in PoseBusters."""
    return all(verdict is not False for verdict in checks.values())


@cache
def check_names() -> tuple[str, ...]:
    """The names of all checks, in their order."""
    return tuple(name for _, names in _modules() for name in names.values())


def _modules() -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Modules of the configuration that give a verdict, each with its outputs and their names."""
    for module in _configuration():
        chosen = module.get("chosen_binary_test_output", [])
        if chosen and module["function"] != "rmsd":
            renamed = module.get("rename_outputs", {})
            suffix = module.get("rename_suffix", "")
            names = {output: renamed.get(output, output + suffix) for output in chosen}
            yield module, {out: name.lower().replace(" ", "_") for out, name in names.items()}


@cache
def _configuration() -> list[dict[str, Any]]:
    return PoseBusters("redock").config["modules"]
