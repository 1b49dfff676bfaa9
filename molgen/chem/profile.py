"""Properties and scaffold of a molecule, by which sets are compared, from its SMILES."""

from collections.abc import Mapping
from dataclasses import dataclass

from rdkit import Chem, rdBase
from rdkit.Chem.Scaffolds import MurckoScaffold

from molgen.chem.properties import heavy_atoms, logp, qed, sa, weight
from molgen.chem.spelled import sanitised

LEAST_RINGS = 2
"""A scaffold of fewer rings says little of a molecule and is left out, as in MOSES."""

PROFILED = {"logp": logp, "qed": qed, "sa": sa, "weight": weight, "heavy_atoms": heavy_atoms}


@dataclass(frozen=True)
class Profile:
    """What a molecule is compared by.

    Attributes:
        properties: logp, qed, sa, weight, heavy_atoms.
        scaffold: SMILES of `ring_scaffold`.
    """

    properties: Mapping[str, float]
    scaffold: str


def profile(smiles: str) -> Profile:
    """That of the molecule that a SMILES spells.

    Raises:
        UsageError: it spells none.
    """
    mol = sanitised(smiles)
    with rdBase.BlockLogs():
        values = {name: function(mol) for name, function in PROFILED.items()}
        return Profile(values, ring_scaffold(mol))


def ring_scaffold(mol: Chem.Mol) -> str:
    """Canonical SMILES of rings and what links them (Bemis & Murcko 1996), if there are two rings.

    Nothing for fewer rings: of `LEAST_RINGS`, in the smallest set of smallest rings.
    """
    if mol.GetRingInfo().NumRings() < LEAST_RINGS:
        return ""
    return str(Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(mol)))
