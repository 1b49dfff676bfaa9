"""Receptors and ligands as PDB and PDBQT text, which other docking programs read, and poses back.

PDBQT is AutoDock's format: a PDB with a charge and an AutoDock type on each atom; of hydrogens only
polar ones count. Vina takes donors and acceptors, polar carbons and hydrophobic ones from these
types and from distances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from molgen.chem.kinds import Kind
from molgen.chem.posed import as_read
from molgen.chem.receptor import Receptor
from molgen.chem.vina_receptor import receptor_types
from molgen.chem.vina_types import ACCEPTOR, DONOR, VinaType
from molgen.errors import MolgenError
from molgen.units import ANGSTROM

_ATOM = "{:<6}{:5d} {:<4} {:>3} {}{:>4}{}   {:8.3f}{:8.3f}{:8.3f}  1.00  0.00{}\n"
_TYPES = {
    **{VinaType(kind): "C" for kind in (VinaType.C_H, VinaType.C_P)},
    **{VinaType(kind): "N" for kind in range(VinaType.N_P, VinaType.N_DA + 1)},
    **{VinaType(kind): "O" for kind in range(VinaType.O_P, VinaType.O_DA + 1)},
    VinaType.MET: "Zn",  # any metal: all are the same to Vina
    **{VinaType[name.upper()]: name for name in ("S", "P", "F", "Cl", "Br", "I", "Si", "At", "B")},
}
_HYDROGEN = "HD"
_DIRECTIONS = 200  # tried for each hydrogen


def receptor_pdb(receptor: Receptor) -> str:
    """A receptor as PDB text; what is neither protein nor nucleic acid is HETATM."""
    table = Chem.GetPeriodicTable()
    lines = []
    for k, point in enumerate(receptor.coordinates / ANGSTROM):
        symbol = table.GetElementSymbol(int(receptor.elements[k]))
        polymer = receptor.kinds[k] in (Kind.PROTEIN, Kind.NUCLEIC)
        name = receptor.atom_names[k]
        shown = name if len(symbol) == 2 or len(name) > 3 else f" {name}"
        lines.append(
            _ATOM.format(
                "ATOM" if polymer else "HETATM",
                (k + 1) % 100_000,
                shown[:4],
                receptor.residue_names[k][:3],
                *_place(receptor.residue_ids[receptor.residues[k]]),
                *point,
                f"          {symbol.upper():>2}",
            )
        )
    return "".join([*lines, "END\n"])


def receptor_pdbqt(receptor: Receptor) -> str:
    """A receptor of heavy atoms as PDBQT text of Vina's types, as we see them.

    Each donor gets one hydrogen where there is most room, which only marks it as a donor.
    """
    lines: list[tuple[str, str, NDArray[np.float64]]] = []
    points = receptor.coordinates / ANGSTROM
    for k, kind in enumerate(map(VinaType, receptor_types(receptor))):
        name = _TYPES[kind]
        lines.append((receptor.atom_names[k], name + "A" * bool(ACCEPTOR[kind]), points[k]))
        if DONOR[kind] and kind != VinaType.MET:
            lines.append(("H", _HYDROGEN, _free_place(points, k)))
    return "".join(
        _ATOM.format(
            "ATOM", n % 100_000, name[:4], "REC", "A", 1, " ", *point, f"     0.000 {kind:<2}"
        )
        for n, (name, kind, point) in enumerate(lines, 1)
    )


@dataclass(frozen=True)
class LigandText:
    """A ligand as a docking program takes it.

    Attributes:
        text: PDBQT.
        atoms: of the ligand, by the number of their line in the text.
    """

    text: str
    atoms: Mapping[int, int]

    def poses(self, text: str) -> NDArray[np.float64]:
        """Poses [poses, atoms, 3] in nm that a program wrote of this ligand.

        Raises:
            MolgenError: an atom of the ligand is not in one of them.
        """
        found = [list(self._positions(model)) for model in _models(text)]
        poses = np.full((len(found), len(self.atoms), 3), np.nan)
        for pose, places in zip(poses, found, strict=True):
            for atom, point in places:
                pose[atom] = point
        if np.isnan(poses).any():
            raise MolgenError("a pose in PDBQT lacks an atom of the ligand")
        return poses * ANGSTROM

    def _positions(self, model: Sequence[str]) -> Iterator[tuple[int, list[float]]]:
        for line in model:
            if line.startswith(("ATOM", "HETATM")):
                atom = self.atoms.get(int(line[6:11]))
                if atom is not None:
                    yield atom, [float(line[start : start + 8]) for start in (30, 38, 46)]


def ligand_pdbqt(molecule: Chem.Mol, conformer: NDArray[np.float64]) -> LigandText:
    """A ligand as PDBQT text, written by Meeko with its usual settings.

    Args:
        molecule: sanitised, heavy atoms only.
        conformer: [atoms, 3] nm, of which bond lengths and angles are kept.

    Raises:
        MolgenError: Meeko cannot write it.
    """
    from meeko import MoleculePreparation, PDBQTWriterLegacy

    with rdBase.BlockLogs():
        posed = Chem.Mol(molecule)
        posed.RemoveAllConformers()
        posed.AddConformer(as_read(molecule, conformer).GetConformer())
        full = Chem.AddHs(posed, addCoords=True)
        setup = MoleculePreparation().prepare(full)[0]
        text, fine, why = PDBQTWriterLegacy.write_string(setup, add_index_map=True)
    if not fine:
        raise MolgenError(f"Meeko cannot write it as PDBQT: {' '.join(why.split())}")
    marks = [line.split()[3:] for line in text.splitlines() if line.startswith("REMARK INDEX MAP")]
    numbers = [int(number) for line in marks for number in line]
    heavy = molecule.GetNumAtoms()
    atoms = dict(zip(numbers[1::2], (number - 1 for number in numbers[::2]), strict=True))
    return LigandText(text, {line: atom for line, atom in atoms.items() if atom < heavy})


def _models(text: str) -> Iterator[list[str]]:
    """The lines of each MODEL, or all lines where there is no such word."""
    model: list[str] = []
    for line in text.splitlines():
        if line.startswith(("MODEL", "ENDMDL")):
            if model:
                yield model
            model = []
        else:
            model.append(line)
    if any(line.startswith(("ATOM", "HETATM")) for line in model):
        yield model


def _place(residue_id: str) -> tuple[str, str, str]:
    """Chain, number and insertion code of a residue, as a PDB file has room for."""
    chain, _, number = residue_id.rpartition(":")
    code = number[-1:] if number[-1:].isalpha() else ""
    return (chain or "A")[0], number.removesuffix(code)[-4:], code or " "


def _free_place(points: NDArray[np.float64], index: int) -> NDArray[np.float64]:
    """The point 1 Å away that is farthest from all other atoms."""
    directions = np.random.default_rng(0).normal(size=(_DIRECTIONS, 3))
    places = points[index] + directions / np.linalg.norm(directions, axis=1, keepdims=True)
    near = np.linalg.norm(points - points[index], axis=1) < 5
    near[index] = False
    if not near.any():
        return np.asarray(places[0])
    apart = np.linalg.norm(places[:, None] - points[near], axis=-1).min(1)
    return np.asarray(places[apart.argmax()])
