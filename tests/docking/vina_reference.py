"""What the package vina says of a pose, given our atom types of the receptor in a PDBQT file."""

from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Geometry import Point3D

from molgen.chem.pdbqt import receptor_pdbqt


def vina_energies(folder: Path, receptor, molecule: Chem.Mol, pose, function: str) -> dict:
    """Energies in kcal/mol of a pose [atoms, 3] nm: total, inter and intra, of Vina itself."""
    vina, meeko = pytest.importorskip("vina"), pytest.importorskip("meeko")
    path = folder / "receptor.pdbqt"
    path.write_text(receptor_pdbqt(receptor))
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
