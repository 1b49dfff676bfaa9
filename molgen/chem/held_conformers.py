"""Conformers of a molecule some atoms of which are where they are to stay."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from rdkit.Geometry import Point3D

from molgen.chem.conformers import force_field
from molgen.chem.holding import Held
from molgen.chem.superposition import superpose
from molgen.errors import MolgenError

_NM = 0.1  # of an Å
_STEPS = 200  # of the minimiser: bond lengths and angles have settled long before
_TRIES = 3
_ATTEMPTS = 10  # of one try at an embedding
_FAR_NM = 0.1  # root mean square: an embedding that is farther off is of another shape


def held_conformers(molecule: Chem.Mol, held: Held, count: int, seed: int) -> NDArray[np.float64]:
    """Conformers `[k, atoms, 3]` nm in the frame of what is held.

    Each is embedded by ETKDGv3 with the distances between held atoms given, laid upon their places,
    and relaxed with them fixed there. The ways of holding take turns; one that the molecule's shape
    or stereo does not allow is left out.

    Args:
        molecule: sanitised, without hydrogens.
        held: what stays where.
        count: of conformers; of each way there is at least one.
        seed: of the embedding.

    Raises:
        MolgenError: there is none of any way.
    """
    full = Chem.AddHs(molecule)
    heavy, ways = molecule.GetNumAtoms(), len(held.places)
    seeds = np.random.SeedSequence(seed).generate_state(max(count, ways) * _TRIES)
    tries = iter((seeds >> 1).tolist())
    found, closed = [], set[int]()
    with rdBase.BlockLogs():
        for k in range(max(count, ways)):
            own = [next(tries) for _ in range(_TRIES)]
            if (way := k % ways) in closed:
                continue
            shape = _embedded(full, held.atoms, held.places[way], own)
            if shape is None:
                closed.add(way)
            else:
                found.append(shape[:heavy])
    if not found:
        raise MolgenError(
            f"{molecule.GetProp('_Name') if molecule.HasProp('_Name') else 'ligand'}: no conformer "
            "of it has the held atoms where they are; are their stereo and their distances those "
            "of the ligand?"
        )
    return np.stack(found)


def _embedded(
    full: Chem.Mol, atoms: NDArray[np.int64], places: NDArray[np.float64], seeds: list[int]
) -> NDArray[np.float64] | None:
    """Positions [atoms, 3] nm of a molecule with hydrogens, held atoms in their places."""
    points = {int(k): Point3D(*row) for k, row in zip(atoms, places / _NM, strict=True)}
    for seed in seeds:
        options: Any = rdDistGeom.ETKDGv3()
        options.randomSeed = seed
        options.maxIterations = _ATTEMPTS
        options.useRandomCoords = True  # in which held atoms begin where they are held
        options.SetCoordMap(points)
        one = Chem.Mol(full)
        if rdDistGeom.EmbedMolecule(one, options) < 0:
            continue
        conformer = one.GetConformer()
        positions = conformer.GetPositions() * _NM
        rotation, shift = superpose(positions[atoms], places)
        positions = positions @ rotation.T + shift
        off = np.sqrt(((positions[atoms] - places) ** 2).sum(-1).mean())
        if off > _FAR_NM:
            continue
        positions[atoms] = places
        conformer.SetPositions(positions / _NM)
        _relax(one, atoms.tolist())
        if _stereo_kept(one, full):
            relaxed: NDArray[np.float64] = conformer.GetPositions() * _NM
            relaxed[atoms] = places
            return relaxed
    return None


def _relax(molecule: Chem.Mol, fixed: list[int]) -> None:
    """All atoms but some go to the nearest minimum of the force field."""
    field = force_field(Chem.RemoveHs(molecule))
    if field == "MMFF94s":
        copied = Chem.Mol(molecule)  # it gets the force field's idea of what is aromatic
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(copied, "MMFF94s")
        forces = rdForceFieldHelpers.MMFFGetMoleculeForceField(molecule, properties)
    elif field == "UFF":
        forces = rdForceFieldHelpers.UFFGetMoleculeForceField(molecule)
    else:
        return
    forces.Initialize()
    for atom in fixed:
        forces.AddFixedPoint(atom)
    forces.Minimize(maxIts=_STEPS)


def _stereo_kept(molecule: Chem.Mol, wanted: Chem.Mol) -> bool:
    """Whether the stereo of a molecule's conformer is what is wanted, as far as that is given."""
    seen = Chem.Mol(molecule)
    Chem.AssignStereochemistryFrom3D(seen)
    for own, atom in zip(seen.GetAtoms(), wanted.GetAtoms(), strict=True):
        if atom.GetChiralTag() == Chem.ChiralType.CHI_UNSPECIFIED:
            own.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    for line, bond in zip(seen.GetBonds(), wanted.GetBonds(), strict=True):
        if bond.GetStereo() in (Chem.BondStereo.STEREONONE, Chem.BondStereo.STEREOANY):
            line.SetStereo(Chem.BondStereo.STEREONONE)
    return bool(Chem.MolToSmiles(seen) == Chem.MolToSmiles(wanted))
