"""Conformers of a molecule from its bonds alone: ETKDGv3, then a force field."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from molgen.errors import MolgenError

_NM = 0.1  # of an Å
_STEPS = 200  # of the minimiser: bond lengths and angles have settled long before

_ATTEMPTS = 100  # at one embedding; where that many fail, the stereo is impossible


def conformers(molecule: Chem.Mol, count: int, seed: int) -> NDArray[np.float64]:
    """Positions of the heavy atoms in `count` conformers: [count, atoms, 3] nm.

    Each is embedded by ETKDGv3 (Riniker & Landrum 2015; Wang et al. 2020) with all hydrogens and
    relaxed in the force field that `force_field` names. Conformer k depends on the molecule, the
    seed and k alone.

    Args:
        molecule: Sanitised, without hydrogens.
        count: Of conformers.
        seed: Of the embedding.

    Raises:
        MolgenError: none can be embedded.
    """
    full = Chem.AddHs(molecule)
    heavy = molecule.GetNumAtoms()
    field = force_field(molecule)
    seeds = np.random.SeedSequence(seed).generate_state(count)
    positions = np.empty((count, heavy, 3))
    with rdBase.BlockLogs():
        for k in range(count):
            embed(full, int(seeds[k] >> 1))
            if field == "MMFF94s":
                rdForceFieldHelpers.MMFFOptimizeMolecule(full, "MMFF94s", _STEPS)
            elif field == "UFF":
                rdForceFieldHelpers.UFFOptimizeMolecule(full, maxIters=_STEPS)
            positions[k] = full.GetConformer().GetPositions()[:heavy] * _NM
    return positions


def force_field(molecule: Chem.Mol) -> str:
    """Which force field has parameters for all atoms: MMFF94s, else UFF, else none."""
    full = Chem.AddHs(molecule)
    with rdBase.BlockLogs():
        if rdForceFieldHelpers.MMFFHasAllMoleculeParams(full):
            return "MMFF94s"
        return "UFF" if rdForceFieldHelpers.UFFHasAllMoleculeParams(full) else "none"


def embed(full: Chem.Mol, seed: int) -> None:
    """Give a molecule with hydrogens one conformer, from random coordinates if ETKDG fails.

    Raises:
        MolgenError: none can be embedded.
    """
    options: Any = rdDistGeom.ETKDGv3()
    options.randomSeed = seed
    options.maxIterations = _ATTEMPTS
    for random in (False, True):
        options.useRandomCoords = random
        if rdDistGeom.EmbedMolecule(full, options) >= 0:
            return
    name = full.GetProp("_Name") if full.HasProp("_Name") else Chem.MolToSmiles(Chem.RemoveHs(full))
    raise MolgenError(f"{name}: no conformer can be embedded; is its stereo possible?")
