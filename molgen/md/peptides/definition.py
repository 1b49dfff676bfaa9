"""What a system.toml of a peptide would say: conditions, dihedrals, basins, beads, sampling."""

from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.slots import RESIDUES, slot_labels
from molgen.md.system.definition import Dihedral, PeptideTable, Sampling, SystemDefinition

TEMPERATURE_K = 310.0
TEMPERATURES_K = (310.0, 350.0, 415.0, 500.0, 610.0)
# Hydrogens of 10 amu at 3 fs, as in the system ala2; neighbouring levels trade places in a third
# to a half of the attempts
SAMPLING = Sampling(
    timestep_ps=0.003,
    friction_per_ps=1.0,
    hydrogen_mass_amu=10.0,
    ladder=tuple(T / TEMPERATURE_K for T in TEMPERATURES_K),
    lowest=2,
    groups=16,
    exchange_every=50,
    stride=200,
    burn_in_ps=60.0,
)
BASINS = {
    # Degrees; an interval with low > high runs through 180. The three cover the whole plane.
    "alpha_R": {"phi": (130.0, 0.0), "psi": (-120.0, 50.0)},
    "beta": {"phi": (130.0, 0.0), "psi": (50.0, -120.0)},
    "alpha_L": {"phi": (0.0, 130.0)},
}


def peptide_definition(peptide: Peptide) -> SystemDefinition:
    """The definition of `peptide:NAME`: amber14 with OBC1 implicit solvent, 310 K.

    Force field and temperature are those of the dipeptide sets of Timewarp and of Plainer et al.
    2025, of whom the two compared dihedrals are, too: phi = C1 N2 CA2 C2 and psi = N1 CA1 C1 N2,
    either side of the first peptide bond; those of a single residue are its own.
    """
    dihedrals = _dihedrals(peptide)
    second = min(2, len(peptide))
    return SystemDefinition(
        description=f"Peptide {peptide} ({'-'.join(peptide.resnames)}), amber14, "
        f"OBC1 implicit solvent, no constraints, {TEMPERATURE_K:g} K",
        potential=PeptideTable(kind="peptide", sequence=peptide.text),
        temperature_K=TEMPERATURE_K,
        timestep_ps=0.0005,
        friction_per_ps=0.3,
        collective_variables={
            "phi": dihedrals.pop(f"phi{second}"),
            "psi": dihedrals.pop("psi1"),
            **dihedrals,
        },
        compared=("phi", "psi"),
        beads={"backbone": slot_labels(peptide)} if len(peptide) <= RESIDUES else {},
        basins=BASINS,
        sampling=SAMPLING,
    )


def _dihedrals(peptide: Peptide) -> dict[str, Dihedral]:
    """Backbone dihedrals by the number of their residue; omega of the bond after it.

    psi of a charged end ends at O.
    """
    first, count = 1 + peptide.acetyl, len(peptide)
    carbon = {"ACE": "CH3", "NME": "C"}
    found: dict[str, Dihedral] = {}
    for k in range(1, count + 1):
        here, before, after = first + k - 1, first + k - 2, first + k
        if k > 1 or peptide.acetyl:
            found[f"phi{k}"] = (f"{before}:C", f"{here}:N", f"{here}:CA", f"{here}:C")
        end = f"{after}:N" if k < count or peptide.amide else f"{here}:O"
        found[f"psi{k}"] = (f"{here}:N", f"{here}:CA", f"{here}:C", end)
    for k in range(0 if peptide.acetyl else 1, count + peptide.amide):
        here, after = first + k - 1, first + k
        ends = (carbon.get(peptide.resnames[n - 1], "CA") for n in (here, after))
        start, end = ends
        found[f"omega{k}"] = (f"{here}:{start}", f"{here}:C", f"{after}:N", f"{after}:{end}")
    return found
