"""Poses as SDF, the ligand just as it was given in each, and what such a file says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Geometry import Point3D

from molgen.errors import UsageError
from molgen.units import ANGSTROM

_END = "$$$$"


@dataclass(frozen=True)
class PoseRecord:
    """A record of an SDF.

    Attributes:
        name: Its title.
        block: The MOL block, as text.
        values: Its data fields.
    """

    name: str
    block: str
    values: Mapping[str, str]


def pose_block(molecule: Chem.Mol, pose: NDArray[np.float64]) -> str:
    """The MOL block of a molecule with its atoms at `pose` [atoms, 3] nm; bonds in Kekulé form."""
    posed = Chem.Mol(molecule)
    posed.RemoveAllConformers()
    conformer = Chem.Conformer(len(pose))
    for atom, place in enumerate(pose / ANGSTROM):
        conformer.SetAtomPosition(atom, Point3D(*place))
    conformer.Set3D(True)
    posed.AddConformer(conformer)
    return str(Chem.MolToMolBlock(posed))


def pose_records(
    molecule: Chem.Mol,
    name: str,
    poses: NDArray[np.float64],
    values: Sequence[Mapping[str, str]],
) -> str:
    """One record a pose; elements, charges, bond orders and hydrogens are those of the molecule.

    Args:
        molecule: Heavy atoms, hydrogens as counts on them.
        name: The title of each record.
        poses: [poses, atoms, 3] nm.
        values: The data fields of each record; a field without a value is left out.
    """
    named = Chem.Mol(molecule)
    named.SetProp("_Name", " ".join(name.split()))
    texts = []
    with rdBase.BlockLogs():
        for pose, fields in zip(poses, values, strict=True):
            data = (f">  <{key}>\n{value}\n\n" for key, value in fields.items() if value)
            texts.append(f"{pose_block(named, pose)}{''.join(data)}{_END}\n")
    return "".join(texts)


def read_pose_records(path: Path) -> Iterator[PoseRecord]:
    """The records of a file that `pose_records` made.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as handle:
            lines: list[str] = []
            for line in handle:
                if line.rstrip("\n") == _END:
                    yield _record(lines)
                    lines = []
                else:
                    lines.append(line)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error


def _record(lines: Sequence[str]) -> PoseRecord:
    heads = [k for k, line in enumerate(lines) if k and line.startswith(">  <")]
    end = heads[0] if heads else len(lines)
    values = {lines[k].strip()[4:-1]: lines[k + 1].rstrip("\n") for k in heads}
    return PoseRecord(lines[0].rstrip("\n"), "".join(lines[:end]), values)
