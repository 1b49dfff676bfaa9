"""Molecules as pictures: SVG of what a SMILES spells, possible or not."""

from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from molgen.chem.spelled import sanitised

WIDTH, HEIGHT = 180, 140

_BOND = 27.0  # pixels, unless the molecule is too large for the picture
_TROUBLE = (0.98, 0.72, 0.55)


def molecule_svg(smiles: str) -> str:
    """A molecule's structure as an <svg> element, bonds of one length in all pictures.

    Raises:
        UsageError: the SMILES spells no molecule.
    """
    mol = sanitised(smiles)
    return _svg(rdMolDraw2D.PrepareMolForDrawing(mol), [])


def impossible_svg(smiles: str) -> str:
    """What was drawn, as it is, the atoms marked that chemistry forbids; nothing for no SMILES."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles, sanitize=False)
        if mol is None or not mol.GetNumAtoms():
            return ""
        mol.UpdatePropertyCache(strict=False)
        Chem.FastFindRings(mol)
        marked: set[int] = set()
        for problem in Chem.DetectChemistryProblems(mol):
            if hasattr(problem, "GetAtomIdx"):
                marked.add(problem.GetAtomIdx())
            elif hasattr(problem, "GetAtomIndices"):
                marked.update(problem.GetAtomIndices())
        rdDepictor.Compute2DCoords(mol)
        return _svg(mol, sorted(marked))


def _svg(mol: Chem.Mol, marked: list[int]) -> str:
    canvas = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
    options: Any = canvas.drawOptions()
    options.clearBackground = False
    options.fixedBondLength = _BOND
    options.bondLineWidth = 1.4
    options.padding = 0.06
    options.prepareMolsBeforeDrawing = False
    options.setHighlightColour(_TROUBLE)
    options.highlightBondWidthMultiplier = 12
    canvas.DrawMolecule(mol, highlightAtoms=marked, highlightBonds=[])
    canvas.FinishDrawing()
    text = str(canvas.GetDrawingText())
    return text[text.index("<svg") :].strip()
