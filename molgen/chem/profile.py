"""All that the metrics of molecules look at, from one reading of a SMILES."""

from collections.abc import Mapping
from dataclasses import dataclass

from rdkit import Chem, rdBase
from rdkit.Chem.Scaffolds import MurckoScaffold

from molgen.chem.labelled import Labelled, labelled_graph
from molgen.chem.properties import logp, qed, sa, weight
from molgen.errors import UsageError

LEAST_RINGS = 2
"""A scaffold of fewer rings says little of a molecule and is left out, as in MOSES."""

PROFILED = {"logp": logp, "qed": qed, "sa": sa, "weight": weight}


@dataclass(frozen=True)
class Profile:
    """What a molecule is compared by.

    Attributes:
        labelled: Elements and bond orders, for the NSPDK.
        properties: logp, qed, sa, weight.
        scaffold: SMILES of `ring_scaffold`.
    """

    labelled: Labelled
    properties: Mapping[str, float]
    scaffold: str


def profile(smiles: str) -> Profile:
    """That of the molecule that a SMILES spells.

    Raises:
        UsageError: it spells none.
    """
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
        if mol is None:
            raise UsageError(f"'{smiles}' is no molecule; metrics compare valid ones alone")
        values = {name: function(mol) for name, function in PROFILED.items()}
        return Profile(labelled_graph(mol), values, ring_scaffold(mol))


def ring_scaffold(mol: Chem.Mol) -> str:
    """Canonical SMILES of rings and what links them (Bemis & Murcko 1996), if there are two rings.

    Nothing for fewer rings: of `LEAST_RINGS`, in the smallest set of smallest rings.
    """
    if mol.GetRingInfo().NumRings() < LEAST_RINGS:
        return ""
    return str(Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(mol)))
