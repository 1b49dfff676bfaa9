"""Molecules to files: SMILES with names, SDF with coordinates in two or three dimensions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor, rdDistGeom, rdForceFieldHelpers

from molgen.errors import UsageError
from molgen.files import write_text

_ATTEMPTS = 10  # of the embedding, each from other random distances
_STEPS = 500  # of the force field's minimiser; drug-like molecules need fewer


@dataclass(frozen=True)
class NotPlaced:
    """A molecule that found no coordinates in three dimensions; it is written flat.

    Attributes:
        index: Of the molecule, from 0.
        reason: What failed.
    """

    index: int
    reason: str


def write_molecules(
    path: str | Path,
    molecules: Sequence[Chem.Mol],
    *,
    names: Sequence[str] | None = None,
    values: Mapping[str, Sequence[Any]] | None = None,
    three_d: bool = False,
    seed: int = 0,
) -> list[NotPlaced]:
    """Write sanitised molecules whole, as the suffix says.

    .smi: canonical SMILES, a tab, the name. .sdf: Kekulé structures with hydrogens where there are
    three dimensions; the name is the title, values become data fields.

    Args:
        path: .smi or .sdf.
        molecules: Stereo that they leave open is chosen at random by 3-D coordinates.
        names: One for each; the index from 0 if None.
        values: More about each, for .sdf.
        three_d: For .sdf: ETKDG coordinates relaxed with MMFF94 (UFF where it lacks parameters).
        seed: Of the embedding.

    Returns:
        The molecules for which no 3-D coordinates were found.

    Raises:
        UsageError: another suffix.
        MolgenError: the file cannot be written.
    """
    path = Path(path)
    names = [str(index) for index in range(len(molecules))] if names is None else names
    if path.suffix == ".smi":
        lines = (f"{smiles_of(mol)}\t{name}\n" for mol, name in zip(molecules, names, strict=True))
        write_text(path, "".join(lines))
        return []
    if path.suffix != ".sdf":
        raise UsageError(f"{path}: molecules are written as .smi or .sdf")
    placed: list[Chem.Mol] = []
    failures: list[NotPlaced] = []
    for index, mol in enumerate(molecules):
        try:
            placed.append(placed_in_space(mol, seed=seed) if three_d else placed_flat(mol))
        except UsageError as error:
            failures.append(NotPlaced(index, str(error)))
            placed.append(placed_flat(mol))
    write_text(path, "".join(_sdf_entries(placed, names, values or {})))
    return failures


def smiles_of(mol: Chem.Mol) -> str:
    """Canonical SMILES."""
    return str(Chem.MolToSmiles(mol))


def placed_flat(mol: Chem.Mol) -> Chem.Mol:
    """The molecule with 2-D coordinates for a drawing, in Å of a bond length of 1.5."""
    copy = Chem.Mol(mol)
    rdDepictor.Compute2DCoords(copy)
    return copy


def placed_in_space(mol: Chem.Mol, *, seed: int = 0) -> Chem.Mol:
    """The molecule with hydrogens and 3-D coordinates in Å, at a minimum of MMFF94 (else UFF).

    ETKDG version 3 (Wang et al. 2020), from random coordinates if distances alone do not do.

    Raises:
        UsageError: no coordinates obey the molecule's geometry (too strained).
    """
    whole = Chem.AddHs(mol)
    settings: Any = rdDistGeom.ETKDGv3()
    settings.randomSeed = seed
    settings.maxIterations = _ATTEMPTS
    with rdBase.BlockLogs():
        if rdDistGeom.EmbedMolecule(whole, settings) < 0:
            settings.useRandomCoords = True
            if rdDistGeom.EmbedMolecule(whole, settings) < 0:
                raise UsageError("no coordinates obey its geometry")
        if rdForceFieldHelpers.MMFFHasAllMoleculeParams(whole):
            rdForceFieldHelpers.MMFFOptimizeMolecule(whole, maxIters=_STEPS)
        elif rdForceFieldHelpers.UFFHasAllMoleculeParams(whole):
            rdForceFieldHelpers.UFFOptimizeMolecule(whole, maxIters=_STEPS)
    return whole


def _sdf_entries(
    molecules: Sequence[Chem.Mol], names: Sequence[str], values: Mapping[str, Sequence[Any]]
) -> Iterable[str]:
    for index, (mol, name) in enumerate(zip(molecules, names, strict=True)):
        mol.SetProp("_Name", name)
        yield Chem.MolToMolBlock(mol)
        for key, column in values.items():
            yield f">  <{key}>\n{column[index]}\n\n"
        yield "$$$$\n"
