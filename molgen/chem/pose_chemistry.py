"""Whether poses are of the ligand that they should be of: PoseBusters' checks of chemistry."""

from posebusters.modules.identity import check_identity
from posebusters.modules.sanity import (
    check_all_atoms_connected,
    check_chemistry_using_inchi,
    check_chemistry_using_rdkit,
    check_radicals,
)
from posebusters.tools.inchi import is_valid_inchi, standardize_and_get_inchi
from rdkit import Chem

from molgen.chem.posed import Posed, Verdicts


def loading(posed: Posed) -> Verdicts:
    """What got here was read."""
    return {f"mol_{which}_loaded": posed.all(True) for which in ("pred", "true", "cond")}


def rdkit_sanity(posed: Posed) -> Verdicts:
    """Valences and aromaticity: a matter of atoms and bonds, the same in every pose."""
    return _of_first(posed, check_chemistry_using_rdkit(posed.copies[0]))


def atoms_connected(posed: Posed) -> Verdicts:
    """One part, in every pose."""
    return _of_first(posed, check_all_atoms_connected(posed.copies[0]))


def radicals(posed: Posed) -> Verdicts:
    """No unpaired electrons, in every pose."""
    return _of_first(posed, check_radicals(Chem.Mol(posed.copies[0])))


def inchi_convertible(posed: Posed) -> Verdicts:
    """Whether an InChI of the pose can be read again."""
    outputs = [check_chemistry_using_inchi(copy)["results"] for copy in posed.copies]
    return {"inchi_convertible": [bool(output["inchi_convertible"]) for output in outputs]}


def identity(posed: Posed, *, inchi_options: str) -> Verdicts:
    """Formula, bonds and stereo by InChI, of which the pose's stereo is that of its coordinates.

    Without a reference pose, stereo that the ligand leaves open may be any.
    """
    names = ("formula", "connections", "stereo_dbond", "stereo_tetrahedral")
    verdicts: Verdicts = {name: [] for name in names}
    fixed = None if _is_open(posed) else standardize_and_get_inchi(posed.reference, inchi_options)
    valid = fixed is not None and is_valid_inchi(fixed)
    for copy in posed.copies:
        if valid and standardize_and_get_inchi(copy, inchi_options) == fixed:
            found = dict.fromkeys(names, True)
        else:
            truth = posed.reference if fixed is not None else _closed(posed.molecule, copy)
            found = check_identity(copy, truth, inchi_options)["results"]
        for name in names:
            verdicts[name].append(found.get(name))
    return verdicts


def _of_first(posed: Posed, output: dict) -> Verdicts:
    return {name: posed.all(bool(verdict)) for name, verdict in output["results"].items()}


def _is_open(posed: Posed) -> bool:
    """Whether there is no reference pose and the ligand does not give all its stereo."""
    if posed.reference.GetNumConformers():
        return False
    given = Chem.StereoSpecified.Specified
    return any(one.specified != given for one in Chem.FindPotentialStereo(posed.molecule))


def _closed(molecule: Chem.Mol, copy: Chem.Mol) -> Chem.Mol:
    """The molecule with its own stereo where it gives some, elsewhere with that of a pose."""
    closed = Chem.Mol(copy)
    Chem.SanitizeMol(closed)
    Chem.RemoveStereochemistry(closed)  # bonds that are written as either would stay so
    Chem.AssignStereochemistryFrom3D(closed)
    closed.RemoveAllConformers()
    for atom, own in zip(closed.GetAtoms(), molecule.GetAtoms(), strict=True):
        if own.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED:
            atom.SetChiralTag(own.GetChiralTag())
    for bond, own in zip(closed.GetBonds(), molecule.GetBonds(), strict=True):
        if own.GetStereo() > Chem.BondStereo.STEREOANY:
            bond.SetStereoAtoms(*own.GetStereoAtoms())
            bond.SetStereo(own.GetStereo())
    return closed
