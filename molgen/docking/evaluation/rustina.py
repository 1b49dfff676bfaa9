"""rustina: QuickVina's search in Vinardo's energy, ranked by GNINA's fast network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from molgen.chem.pdbqt import ligand_pdbqt, receptor_pdb
from molgen.docking.evaluation.answers import BOX_NM, Answer, Spent, Watch
from molgen.docking.evaluation.cases import Case
from molgen.docking.evaluation.isolated import Isolated
from molgen.units import ANGSTROM

_SCORES = ("affinity", "empirical_score", "cnn_score", "cnn_affinity")


class RustinaProgram:
    """rustina at its defaults, receptors by its own preparation, ligands by Meeko.

    Args:
        threads: of the processor.
    """

    rows = ("rustina",)

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._isolated = Isolated("rustina")

    @property
    def identity(self) -> dict[str, Any]:
        """Version and settings."""
        return {
            "rustina": version("rustina"),
            "meeko": version("meeko"),
            "threads": self.threads,
        }

    def dock(self, case: Case) -> dict[str, Answer]:
        """At most nine poses.

        Raises:
            MolgenError: Meeko or rustina fails.
        """
        watch = Watch()
        ligand = ligand_pdbqt(case.ligand.molecule, case.conformer)
        watch.end("preparation")
        text, scores, spent = self._isolated(
            search,
            receptor_pdb(case.receptor),
            ligand.text,
            (case.centre / ANGSTROM).tolist(),
            case.seed,
            self.threads,
        )
        columns = {name: np.array([row[name] for row in scores]) for name in _SCORES}
        return {"rustina": Answer(ligand.poses(text), columns, watch.spent.and_(spent))}


def search(
    receptor: str, ligand: str, centre: list[float], seed: int, threads: int
) -> tuple[str, list[dict[str, float]], Spent]:
    """Poses as PDBQT, their scores, and what it took.

    Args:
        receptor: PDB.
        ligand: PDBQT.
        centre: of the box, Å.
        seed: from 0.
        threads: of the processor.
    """
    import rustina

    watch = Watch()
    edge = BOX_NM / ANGSTROM
    x, y, z = centre
    prepared = rustina.prepare_receptor(receptor, (x, y, z), (edge, edge, edge))["pdbqt"]
    watch.end("preparation")
    found = rustina.dock(prepared, ligand, x, y, z, edge, edge, edge, seed=seed, threads=threads)
    watch.end("search")
    text = "".join(f"MODEL {k}\n{pose['pdbqt']}\nENDMDL\n" for k, pose in enumerate(found, 1))
    scores: list[Mapping[str, Any]] = [*found]
    return text, [{name: float(pose[name]) for name in _SCORES} for pose in scores], watch.spent
