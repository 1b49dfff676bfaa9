"""AutoDock Vina (Trott & Olson 2010; Eberhardt et al. 2021), docking what we dock."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from molgen.chem.pdbqt import ligand_pdbqt, receptor_pdbqt
from molgen.docking.evaluation.answers import BOX_NM, Answer, Spent, Watch
from molgen.docking.evaluation.cases import Case
from molgen.docking.evaluation.isolated import Isolated
from molgen.units import ANGSTROM

EXHAUSTIVENESS = 8
"""Independent searches: Vina's own default."""

POSES = 9
"""As many as Vina returns if nobody says."""


class VinaProgram:
    """Vina at its defaults; receptors with our atom types, ligands by Meeko.

    Args:
        threads: of the processor.
    """

    rows = ("vina",)

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._isolated = Isolated("vina")

    @property
    def identity(self) -> dict[str, Any]:
        """Version and settings."""
        return {
            "vina": version("vina"),
            "meeko": version("meeko"),
            "exhaustiveness": EXHAUSTIVENESS,
            "threads": self.threads,
        }

    def dock(self, case: Case) -> dict[str, Answer]:
        """At most nine poses within 3 kcal/mol of the best.

        Raises:
            MolgenError: Meeko or Vina fails.
        """
        watch = Watch()
        receptor = receptor_pdbqt(case.receptor)
        ligand = ligand_pdbqt(case.ligand.molecule, case.conformer)
        watch.end("preparation")
        centre = (case.centre / ANGSTROM).tolist()
        text, energies, spent = self._isolated(
            search, receptor, ligand.text, centre, case.seed, self.threads
        )
        scores = {"affinity": np.array(energies)}
        return {"vina": Answer(ligand.poses(text), scores, watch.spent.and_(spent))}


def search(
    receptor: str, ligand: str, centre: list[float], seed: int, threads: int
) -> tuple[str, list[float], Spent]:
    """Poses as PDBQT, their affinities in kcal/mol, and what it took.

    Args:
        receptor: PDBQT.
        ligand: PDBQT.
        centre: of the box, Å.
        seed: from 0.
        threads: of the processor.
    """
    import tempfile

    from vina import Vina

    watch = Watch()
    with tempfile.NamedTemporaryFile("w", suffix=".pdbqt") as file:
        file.write(receptor)
        file.flush()
        program = Vina("vina", cpu=threads, seed=seed + 1, verbosity=0)  # 0 is a random seed
        program.set_receptor(file.name)
    program.set_ligand_from_string(ligand)
    program.compute_vina_maps(centre, [BOX_NM / ANGSTROM] * 3)
    program.dock(exhaustiveness=EXHAUSTIVENESS, n_poses=POSES)
    energies = [float(row[0]) for row in program.energies(POSES)]
    watch.end("search")
    return program.poses(POSES), energies, watch.spent
