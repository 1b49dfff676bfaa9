"""Whether poses are strained beyond reason: PoseBusters' check of the internal energy."""

from math import isfinite

from posebusters.modules.energy_ratio import get_energies
from posebusters.tools.inchi import get_inchi
from posebusters.tools.molecules import hydrate_radicals, optimize_positions
from rdkit import Chem, ForceField  # noqa: F401 - the type of what UFF gives
from rdkit.Chem.rdForceFieldHelpers import UFFGetMoleculeForceField, UFFHasAllMoleculeParams

from molgen.chem.posed import Posed, Verdicts

_STAGES = ((2, 2.0), (8, 1.4))  # conformers, and the factor that their mean may be wrong by
_UNRELAXED = 10.0
_LEAST_KCAL_PER_MOL = 5.0


def energy_ratio(
    posed: Posed,
    *,
    threshold_energy_ratio: float,
    ensemble_number_conformations: int,
    threads: int = 1,
) -> Verdicts:
    """Energy of a pose (UFF, hydrogens relaxed) at most so many times the mean of conformers.

    PoseBusters makes all conformers before it compares, which takes seconds, for large ligands a
    minute. Single conformers are within 15 % of the mean, sound poses at 1 to 7 times it, and the
    threshold is 100: so two conformers decide, unless the pose is within a factor of 2 of the
    threshold or the mean is near zero; then eight, then all. Hydrogens are left where they are put
    if the pose is below the threshold by a factor of 10. (Not by less: on distorted poses their
    relaxation may run into a singularity and end far above.)

    The conformers are those of the reference. PoseBusters takes those of the pose, which has the
    same ones unless its stereo is wrong; then they may even be impossible to make.

    Args:
        posed: The ligand in its poses.
        threshold_energy_ratio: the most that passes.
        ensemble_number_conformations: how many conformers, where so many are needed.
        threads: that they may be made with.
    """
    full = _with_hydrogens(posed)
    if not UFFHasAllMoleculeParams(full):
        return {"energy_ratio_passes": posed.all(None)}
    estimate = _mean_energy(posed.reference, _STAGES[0][0], threads)
    if estimate is None:
        return {"energy_ratio_passes": posed.all(None)}
    energies = _energies(full, posed.molecule.GetNumAtoms(), estimate * threshold_energy_ratio)
    verdicts = posed.all(None)
    for conformers, doubt in (*_STAGES, (ensemble_number_conformations, 1.0)):
        open_ones = [k for k, verdict in enumerate(verdicts) if verdict is None]
        if open_ones:
            mean = _mean_energy(posed.reference, conformers, threads)
            for k in open_ones:
                verdicts[k] = _verdict(energies[k], mean, threshold_energy_ratio, doubt)
    return {"energy_ratio_passes": verdicts}


def _verdict(energy: float, mean: float | None, threshold: float, doubt: float) -> bool | None:
    """The verdict by a mean that is right within a factor; None where that does not tell."""
    if mean is None or not isfinite(energy) or not isfinite(mean):
        return None
    if doubt == 1.0:
        return energy / (mean or 1e-10) <= threshold
    if mean < _LEAST_KCAL_PER_MOL or 1 / doubt < energy / mean / threshold < doubt:
        return None
    return energy / mean < threshold


def _energies(full: Chem.Mol, heavy: int, limit: float) -> list[float]:
    """Energies in kcal/mol, relaxed by moving hydrogens unless far below a limit as they are."""
    forces = UFFGetMoleculeForceField(full)
    energies = []
    for conformer in full.GetConformers():
        energy = forces.CalcEnergy(conformer.GetPositions().ravel().tolist())
        if not energy * _UNRELAXED < limit:
            alone = Chem.Mol(full, confId=conformer.GetId())
            alone.GetConformer().SetId(0)
            energy = optimize_positions(alone, set(range(heavy)))[2]
        energies.append(energy)
    return energies


def _with_hydrogens(posed: Posed) -> Chem.Mol:
    """The ligand with all poses as conformers, numbered from 0, and hydrogens on it."""
    full = Chem.Mol(posed.copies[0])
    full.RemoveAllConformers()
    for number, copy in enumerate(posed.copies):
        conformer = Chem.Conformer(copy.GetConformer())
        conformer.SetId(number)
        full.AddConformer(conformer)
    return Chem.AddHs(hydrate_radicals(full), addCoords=True)


def _mean_energy(molecule: Chem.Mol, conformers: int, threads: int) -> float | None:
    """Mean energy of conformers made as PoseBusters makes them; None if it cannot."""
    try:
        energies = get_energies(get_inchi(Chem.Mol(molecule)), conformers, threads)
    except Exception:  # of any kind: PoseBusters too gives no verdict then
        return None
    return sum(energies) / len(energies)
