"""Properties of a molecule that a model may be steered by: logP, QED, SA score, weight, size."""

from collections.abc import Callable, Mapping

from rdkit import Chem
from rdkit.Chem import QED, rdMolDescriptors


def logp(mol: Chem.Mol) -> float:
    """Octanol-water partition coefficient, log10. Wildman & Crippen 1999."""
    return float(rdMolDescriptors.CalcCrippenDescriptors(mol)[0])


def qed(mol: Chem.Mol) -> float:
    """Drug-likeness from 0 to 1. Bickerton et al. 2012."""
    return float(QED.qed(mol))


def sa(mol: Chem.Mol) -> float:
    """Synthetic accessibility from 1 (easy) to 10. Ertl & Schuffenhauer 2009."""
    from rdkit.Contrib.SA_Score import sascorer  # reads a table of fragments, a second

    return float(sascorer.calculateScore(mol))


def weight(mol: Chem.Mol) -> float:
    """Mass with hydrogens and natural isotopes, amu: what RDKit offers as `Descriptors.MolWt`."""
    return float(rdMolDescriptors._CalcMolWt(mol))


def heavy_atoms(mol: Chem.Mol) -> float:
    """How many atoms are not hydrogen."""
    return float(mol.GetNumHeavyAtoms())


PROPERTIES: Mapping[str, Callable[[Chem.Mol], float]] = {
    "logp": logp,
    "qed": qed,
    "sa": sa,
    "weight": weight,
    "heavy_atoms": heavy_atoms,
}
"""Every property by its name; each takes a sanitised molecule."""
