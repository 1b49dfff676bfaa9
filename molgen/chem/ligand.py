"""What is docked: a sanitised molecule of heavy atoms, and its pose if the file gives one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from molgen.chem.ligand_records import is_ligand_file, parsed_smiles, records
from molgen.errors import UsageError

_NM = 0.1  # of an Å


@dataclass(frozen=True)
class Ligand:
    """A molecule to dock; hydrogens are counts on its atoms, protonation and stereo as given.

    Attributes:
        name: Unlike that of any other ligand of the file.
        molecule: Sanitised, heavy atoms alone in the order of the file, no conformer.
        pose: [atoms, 3] float64, nm; None where the file gives none (SMILES, drawings).
        notes: One line for each thing that was changed or looks amiss.
    """

    name: str
    molecule: Chem.Mol
    pose: NDArray[np.float64] | None
    notes: tuple[str, ...] = ()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """From a pickle, in which molecules lose their names."""
        self.__dict__.update(state)
        self.molecule.SetProp("_Name", self.name)


@dataclass(frozen=True)
class Unreadable:
    """A record that is no ligand.

    Attributes:
        name: Unlike that of any other record of the file.
        reason: File, record, and what is wrong with it.
    """

    name: str
    reason: str


def read_ligand(source: str | Path) -> Ligand:
    """The one ligand of a file (SDF, MOL2, a table of SMILES), or of a SMILES itself.

    Raises:
        UsageError: there is none, more than one, or it cannot be docked.
    """
    if _is_file(source):
        found = read_ligands(source)
        first = next(found)
        if next(found, None) is not None:
            raise UsageError(f"{source}: holds more than one ligand; one is asked for")
        if isinstance(first, Unreadable):
            raise UsageError(first.reason)
        return first
    text, *name = str(source).split(maxsplit=1) or [""]
    molecule = parsed_smiles(text)
    if isinstance(molecule, str):
        raise UsageError(f"ligand '{source}': no file of ligands, and {molecule}")
    try:
        return _ligand(name[0] if name else "ligand", molecule, [])
    except UsageError as error:
        raise UsageError(f"ligand '{source}': {error}") from error


def read_ligands(source: str | Path) -> Iterator[Ligand | Unreadable]:
    """Each ligand of a file in its order; what is none is given with its reason, not left out.

    Args:
        source: .sdf, .mol, .mol2; .smi (SMILES, name); .csv or .tsv with columns smiles and name;
            perhaps packed (.gz, .xz, .bz2).

    Raises:
        UsageError: the file cannot be read, or holds no record.
    """
    path, taken = Path(source), set[str]()
    for number, name, molecule in records(path):
        notes: list[str] = []
        unique = _unique(name, path, number, taken, notes)
        where = f"{path} record {number} ({unique})"
        try:
            if isinstance(molecule, str):
                raise UsageError(molecule)
            yield _ligand(unique, molecule, notes)
        except UsageError as error:
            yield Unreadable(unique, f"{where}: {error}")
    if not taken:
        raise UsageError(f"{path}: holds no ligand")


def _is_file(source: str | Path) -> bool:
    if isinstance(source, Path) or is_ligand_file(source):
        return True
    try:
        return Path(source).is_file()
    except (OSError, ValueError):  # a SMILES longer than a file name may be
        return False


def _unique(name: str, path: Path, number: int, taken: set[str], notes: list[str]) -> str:
    """The name, or one made from it that no earlier record has."""
    wanted = unique = name or f"{path.name.partition('.')[0]}_{number}"
    count = 1
    while unique in taken:
        count += 1
        unique = f"{wanted}_{count}"
    if count > 1:
        notes.append(f"an earlier record is named {wanted} too: this one is called {unique}")
    taken.add(unique)
    return unique


def _ligand(name: str, molecule: Chem.Mol, notes: list[str]) -> Ligand:
    """The ligand of a sanitised molecule, perhaps with hydrogens and a conformer.

    Raises:
        UsageError: it is none that can be docked.
    """
    with rdBase.BlockLogs():
        molecule = _heavy(molecule)
        pose = _pose(molecule, notes)
        if pose is not None:
            Chem.AssignStereochemistryFrom3D(molecule)
        molecule.RemoveAllConformers()
        notes.extend(_open_stereo(molecule))
    molecule.SetProp("_Name", name)
    return Ligand(name, molecule, pose, tuple(notes))


def _heavy(molecule: Chem.Mol) -> Chem.Mol:
    """The connected molecule without hydrogens."""
    if not molecule.GetNumHeavyAtoms():
        raise UsageError("has no heavy atoms")
    if any(not atom.GetAtomicNum() or atom.HasQuery() for atom in molecule.GetAtoms()):
        raise UsageError("has an atom that stands for any (*, R, a query)")
    parts = len(Chem.GetMolFrags(molecule))
    if parts > 1:
        raise UsageError(f"{parts} parts (a salt or a mixture): give the one to dock alone")
    return Chem.RemoveAllHs(molecule)


def _open_stereo(molecule: Chem.Mol) -> Iterator[str]:
    """A line for each atom and double bond that may be either of two stereoisomers."""
    for one in Chem.FindPotentialStereo(molecule):
        if one.specified == Chem.StereoSpecified.Specified:
            continue
        if one.type == Chem.StereoType.Bond_Double:
            bond = molecule.GetBondWithIdx(one.centeredOn)
            ends = bond.GetBeginAtom(), bond.GetEndAtom()
            if min(end.GetDegree() for end in ends) > 1:  # else a matter of hydrogens
                names = "=".join(f"{end.GetSymbol()}{end.GetIdx() + 1}" for end in ends)
                yield f"stereo of double bond {names} is not given: a conformer may have either"
        else:
            atom = molecule.GetAtomWithIdx(one.centeredOn)
            name = f"{atom.GetSymbol()}{atom.GetIdx() + 1}"
            yield f"stereo of atom {name} is not given: a conformer may have either"


def _pose(molecule: Chem.Mol, notes: list[str]) -> NDArray[np.float64] | None:
    """Coordinates in nm, if the file gives three-dimensional ones."""
    if not molecule.GetNumConformers():
        return None
    conformer = molecule.GetConformer()
    pose = np.asarray(conformer.GetPositions(), np.float64) * _NM
    if not np.isfinite(pose).all():
        raise UsageError("has coordinates that are no numbers")
    if not conformer.Is3D() or (len(pose) > 3 and not np.ptp(pose, axis=0).all()):
        notes.append("coordinates of a drawing: there is no pose")
        return None
    return pose
