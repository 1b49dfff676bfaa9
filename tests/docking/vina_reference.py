"""What the package vina says of a pose, given our atom types of the receptor in a PDBQT file."""

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Geometry import Point3D

from molgen.chem.vina_types import ACCEPTOR, DONOR, VinaType

_LINE = "ATOM  {:5d} {:<4} {:>3} A{:4d}    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00    {:6.3f} {:<2}\n"
_AD4 = {VinaType.MET: "Zn", VinaType.SI: "Si", VinaType.AT: "At", VinaType.S: "S", VinaType.P: "P"}
_AD4 |= {VinaType.F: "F", VinaType.CL: "Cl", VinaType.BR: "Br", VinaType.I: "I"}


def vina_energies(folder: Path, receptor, types, molecule: Chem.Mol, pose, function: str) -> dict:
    """Energies in kcal/mol of a pose [atoms, 3] nm: total, inter and intra, of Vina itself."""
    vina, meeko = pytest.importorskip("vina"), pytest.importorskip("meeko")
    path = folder / "receptor.pdbqt"
    path.write_text(receptor_pdbqt(receptor, types))
    posed = Chem.Mol(molecule)
    conformer = Chem.Conformer(len(pose))
    for k, point in enumerate(pose * 10):
        conformer.SetAtomPosition(k, Point3D(*point))
    posed.AddConformer(conformer)
    preparation = meeko.MoleculePreparation(rigid_macrocycles=True)
    setup = preparation.prepare(Chem.AddHs(posed, addCoords=True))[0]
    text, fine, why = meeko.PDBQTWriterLegacy.write_string(setup)
    assert fine, why
    program = vina.Vina(sf_name=function, cpu=1, verbosity=0)
    program.set_receptor(str(path))
    program.set_ligand_from_string(text)
    # Maps are needed but not used: the score is from the receptor's atoms.
    program.compute_vina_maps((pose.mean(0) * 10).tolist(), [29.0] * 3, spacing=2.9)
    total, inter, _, _, _, intra, _, _ = program.score()
    return {"total": total, "inter": inter, "intra": intra}


def receptor_pdbqt(receptor, types) -> str:
    """A receptor of the types that ours has; each donor gets one hydrogen, which marks it."""
    lines = []
    positions = receptor.coordinates * 10
    for k, kind in enumerate(types):
        point = positions[k]
        name = receptor.atom_names[k]
        # Vina finds polar carbons and donors by their neighbours.
        element = "C" if kind <= VinaType.C_P else "N" if kind <= VinaType.N_DA else "O"
        ad4 = _AD4.get(kind, element + "A" * bool(ACCEPTOR[kind]))
        residue = int(receptor.residues[k]) % 10000
        lines.append((name, residue, point, ad4))
        if DONOR[kind] and kind != VinaType.MET:
            lines.append(("H", residue, _free_place(positions, k), "HD"))
    return "".join(
        _LINE.format(n % 100000, name[:4], "RES", residue, *point, 0.0, ad4)
        for n, (name, residue, point, ad4) in enumerate(lines, 1)
    )


def _free_place(positions, index: int):
    """The point 1 Å away that is farthest from all other atoms."""
    directions = np.random.default_rng(0).normal(size=(200, 3))
    points = positions[index] + directions / np.linalg.norm(directions, axis=1, keepdims=True)
    others = np.delete(positions, index, axis=0)
    near = others[np.linalg.norm(others - positions[index], axis=1) < 5]
    if not len(near):
        return points[0]
    apart = np.linalg.norm(points[:, None] - near, axis=-1).min(1)
    return points[apart.argmax()]
