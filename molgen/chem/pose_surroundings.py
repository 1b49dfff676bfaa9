"""Whether poses fit between protein, cofactors and waters: PoseBusters' checks of overlap."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray
from posebusters.tools.protein import get_atom_type_mask
from rdkit import Chem, rdBase
from rdkit.Chem.rdShapeHelpers import ShapeTverskyIndex

from molgen.chem.posed import Posed, Verdicts
from molgen.chem.residues import WATERS
from molgen.chem.structure_files import read_structure
from molgen.errors import UsageError
from molgen.units import ANGSTROM

_FIRST_ALTERNATES = {"\0", "A", "1"}  # those that RDKit reads of a PDB file
_SAME_ANGSTROM = 0.01


@dataclass(frozen=True, eq=False)
class Surroundings:
    """All atoms of a receptor file.

    Attributes:
        molecule: Its atoms and their residues; no bonds.
        elements: [atoms] atomic numbers.
        positions: [atoms, 3], Å.
    """

    molecule: Chem.Mol
    elements: NDArray[np.int64]
    positions: NDArray[np.float64]
    _kept: dict[frozenset[str], NDArray[np.bool_]] = field(default_factory=dict)

    def without(self, ignored: Collection[str]) -> NDArray[np.bool_]:
        """The atoms [atoms] of none of the ignored kinds, which are PoseBusters' names."""
        key = frozenset(ignored)
        if key not in self._kept:
            self._kept[key] = np.array(get_atom_type_mask(self.molecule, key), np.bool_)
        return self._kept[key]

    def without_atoms(self, places: NDArray[np.float64]) -> "Surroundings":
        """The same without the atoms that are just at some places [k, 3], nm."""
        gone = (_distances(places / ANGSTROM, self.positions) < _SAME_ANGSTROM).any(0)
        molecule = _taken_out(self.molecule, np.flatnonzero(gone).tolist())
        return Surroundings(molecule, self.elements[~gone], self.positions[~gone])


def read_surroundings(
    path: str | Path,
    *,
    waters: bool = False,
    without: NDArray[np.float64] | None = None,
) -> Surroundings:
    """The atoms of a PDB or mmCIF file.

    Args:
        path: The file.
        waters: They count too; else they are left out.
        without: [k, 3], nm; residues with an atom just there are left out.

    Raises:
        UsageError: it cannot be read, or holds no atoms.
    """
    path = Path(path)
    structure = None if path.suffix.lower() == ".pdb" and path.is_file() else read_structure(path)
    with rdBase.BlockLogs():
        molecule = _from_pdb(path) if structure is None else _from_structure(structure)
    if molecule is not None and not waters:
        molecule = _taken_out(molecule, _waters(molecule))
    if molecule is not None and without is not None and len(without):
        molecule = _taken_out(molecule, _residues_at(molecule, without))
    if molecule is None or not molecule.GetNumAtoms():
        raise UsageError(f"{path}: holds no atoms that can be read")
    return Surroundings(
        molecule=molecule,
        elements=np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], np.int64),
        positions=molecule.GetConformer().GetPositions(),
    )


def intermolecular_distance(
    posed: Posed,
    surroundings: Surroundings,
    *,
    radius_type: str,
    radius_scale: float,
    clash_cutoff: float,
    ignore_types: Collection[str],
    max_distance: float,
    search_distance: float = 6.0,
) -> Verdicts:
    """Distances from surrounding atoms against sums of radii, and to the nearest atom at all.

    Args:
        posed: The ligand in its poses.
        surroundings: What it is in.
        radius_type: "vdw" or "covalent".
        radius_scale: of the sum of the radii.
        clash_cutoff: share of that sum below which a pair clashes.
        ignore_types: kinds of surrounding atoms that do not count.
        max_distance: the farthest that the nearest atom may be, Å.
        search_distance: atoms farther than this are not looked at, Å.
    """
    kept = surroundings.without(ignore_types)
    near = np.flatnonzero(kept)[_within_box(surroundings.positions[kept], posed, search_distance)]
    heavy = np.array([atom.GetAtomicNum() > 1 for atom in posed.molecule.GetAtoms()])
    own = np.array([atom.GetAtomicNum() for atom in posed.molecule.GetAtoms()])[heavy]
    sums = _radii(own, radius_type)[:, None] + _radii(surroundings.elements[near], radius_type)
    verdicts: Verdicts = {"not_too_far_away": [], "no_clashes": []}
    for pose in posed.positions[:, heavy]:
        distances = _distances(pose, surroundings.positions[near])
        found = distances.min(0, initial=np.inf) <= search_distance
        clash = distances / (sums * radius_scale) < clash_cutoff
        nearest = distances[:, found].min(initial=np.inf)
        verdicts["not_too_far_away"].append(bool(nearest <= max_distance))
        verdicts["no_clashes"].append(not clash[:, found].any())
    return verdicts


def volume_overlap(
    posed: Posed,
    surroundings: Surroundings,
    *,
    clash_cutoff: float,
    vdw_scale: float,
    ignore_types: Collection[str],
    search_distance: float = 6.0,
) -> Verdicts:
    """Share of a pose's volume that lies in that of surrounding atoms, on a grid of RDKit.

    Args:
        posed: The ligand in its poses.
        surroundings: What it is in.
        clash_cutoff: the most that may.
        vdw_scale: of all radii.
        ignore_types: kinds of surrounding atoms that do not count.
        search_distance: atoms farther than this times the scale are not looked at, Å.
    """
    reach = search_distance * vdw_scale
    kept = surroundings.without(ignore_types)
    near = np.flatnonzero(kept)[_within_box(surroundings.positions[kept], posed, reach)]
    verdicts: list[bool | None] = []
    for pose, copy in zip(posed.positions, posed.copies, strict=True):
        distances = _distances(pose, surroundings.positions[near])
        found = near[distances.min(0, initial=np.inf) <= reach]
        verdicts.append(True)
        if len(found):
            others = _atoms(surroundings.elements[found], surroundings.positions[found])
            hydrogens = "hydrogens" in ignore_types
            overlap = ShapeTverskyIndex(
                copy, others, alpha=1, beta=0, vdwScale=vdw_scale, ignoreHs=hydrogens
            )
            verdicts[-1] = overlap <= clash_cutoff
    return {"no_volume_clash": verdicts}


def _within_box(positions: NDArray[np.float64], posed: Posed, margin: float) -> NDArray[np.bool_]:
    """Which positions [atoms, 3] are in the box about all poses, with a margin in Å."""
    low, high = posed.positions.min((0, 1)) - margin, posed.positions.max((0, 1)) + margin
    return ((positions >= low) & (positions <= high)).all(-1)


def _distances(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.norm(x[:, None] - y, axis=-1)


def _radii(elements: NDArray[np.int64], kind: str) -> NDArray[np.float64]:
    """Radii [atoms] in Å by atomic number."""
    table = Chem.GetPeriodicTable()
    radius = {"vdw": table.GetRvdw, "covalent": table.GetRcovalent}[kind]
    known = {int(element): radius(int(element)) for element in np.unique(elements)}
    return np.array([known[int(element)] for element in elements], np.float64)


def _atoms(elements: NDArray[np.int64], positions: NDArray[np.float64]) -> Chem.Mol:
    """A molecule of unbonded atoms."""
    molecule = Chem.RWMol()
    for element in elements:
        molecule.AddAtom(Chem.Atom(int(element)))
    conformer = Chem.Conformer(len(elements))
    conformer.SetPositions(positions)
    molecule.AddConformer(conformer)
    return molecule.GetMol()


def _from_pdb(path: Path) -> Chem.Mol | None:
    """As PoseBusters reads it."""
    return Chem.MolFromPDBFile(str(path), sanitize=False, removeHs=False, proximityBonding=False)


def _from_structure(structure: gemmi.Structure) -> Chem.Mol:
    """What RDKit would read of a PDB file of the first model."""
    molecule = Chem.RWMol()
    positions = []
    for place in structure[0].all():
        if place.atom.altloc not in _FIRST_ALTERNATES:
            continue
        info = Chem.AtomPDBResidueInfo()
        info.SetChainId(place.chain.name)
        info.SetResidueNumber(place.residue.seqid.num or 0)
        info.SetInsertionCode(place.residue.seqid.icode)
        info.SetResidueName(place.residue.name)
        info.SetIsHeteroAtom(place.residue.het_flag == "H")
        atom = Chem.Atom(place.atom.element.atomic_number)
        atom.SetMonomerInfo(info)
        molecule.AddAtom(atom)
        positions.append(place.atom.pos.tolist())
    conformer = Chem.Conformer(len(positions))
    conformer.SetPositions(np.array(positions, np.float64).reshape(-1, 3))
    molecule.AddConformer(conformer)
    return molecule.GetMol()


def _waters(molecule: Chem.Mol) -> list[int]:
    """The atoms of waters."""
    return [
        atom.GetIdx()
        for atom in molecule.GetAtoms()
        if atom.GetPDBResidueInfo().GetResidueName().strip() in WATERS
    ]


def _residues_at(molecule: Chem.Mol, places: NDArray[np.float64]) -> list[int]:
    """The atoms of residues that have one at any of some places [k, 3] in nm."""

    def keys(positions: NDArray[np.float64]) -> list[tuple[int, ...]]:
        return [tuple(row) for row in np.rint(1000 * positions).astype(int).tolist()]

    wanted = set(keys(places / ANGSTROM))
    residues = []
    for atom in molecule.GetAtoms():
        info = atom.GetPDBResidueInfo()
        place = info.GetChainId(), info.GetResidueNumber(), info.GetInsertionCode()
        residues.append((*place, info.GetResidueName()))
    at = keys(molecule.GetConformer().GetPositions())
    found = {residue for residue, key in zip(residues, at, strict=True) if key in wanted}
    return [k for k, residue in enumerate(residues) if residue in found]


def _taken_out(molecule: Chem.Mol, atoms: Collection[int]) -> Chem.Mol:
    left = Chem.RWMol(molecule)
    left.BeginBatchEdit()
    for atom in atoms:
        left.RemoveAtom(atom)
    left.CommitBatchEdit()
    return left.GetMol()
