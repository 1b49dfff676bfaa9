"""Tables of residues: other programs' names, the atoms of the amino acids, caps and waters."""

from collections.abc import Iterable

RENAMED = {
    other: usual
    for usual, others in {
        # by where its hydrogens are, or simply marked: Amber, CHARMM, GROMACS, Maestro
        "HIS": "HIE HID HIP HSD HSE HSP HSC HISA HISB HISD HISE HISH HISP HIS1 HIS2",
        # in a bridge, without its hydrogen, or bound to a metal
        "CYS": "CYX CYM CYSH CYS1 CYS2",
        "ASP": "ASH ASPH ASPP AS4",
        "GLU": "GLH GLUH GLUP GL4",
        "LYS": "LYN LYSH LYSN",
        "ARG": "ARN ARGN",
        "TYR": "TYM",
        "MET": "MSE",
    }.items()
    for other in others.split()
}
"""Names of forms of the amino acids that differ in hydrogens alone (or selenium), to the usual."""

_BACKBONE = ("N", "CA", "C", "O")

_SIDE_CHAINS = {
    "GLY": "",
    "ALA": "CB",
    "SER": "CB OG",
    "CYS": "CB SG",
    "THR": "CB OG1 CG2",
    "VAL": "CB CG1 CG2",
    "PRO": "CB CG CD",
    "LEU": "CB CG CD1 CD2",
    "ILE": "CB CG1 CG2 CD1",
    "MET": "CB CG SD CE",
    "ASP": "CB CG OD1 OD2",
    "ASN": "CB CG OD1 ND2",
    "GLU": "CB CG CD OE1 OE2",
    "GLN": "CB CG CD OE1 NE2",
    "LYS": "CB CG CD CE NZ",
    "ARG": "CB CG CD NE CZ NH1 NH2",
    "HIS": "CB CG ND1 CD2 CE1 NE2",
    "PHE": "CB CG CD1 CD2 CE1 CE2 CZ",
    "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH",
    "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
}

AMINO_ACIDS = {name: (*_BACKBONE, *atoms.split()) for name, atoms in _SIDE_CHAINS.items()}
"""Heavy atoms of each of the twenty; a chain's last one has OXT besides."""

RENAMED.update({end + name: name for name in AMINO_ACIDS for end in "NC"})  # Amber's chain ends

ATOMS_RENAMED = {
    # GROMACS, CHARMM, AMBER and OPLS at the chain's end; None is any residue
    (None, "OT1"): "O",
    (None, "OT2"): "OXT",
    (None, "OCT1"): "O",
    (None, "OCT2"): "OXT",
    (None, "OC1"): "O",
    (None, "OC2"): "OXT",
    ("ILE", "CD"): "CD1",
    ("MET", "SE"): "SD",  # of selenomethionine
}
"""Residue and atom name to the usual atom name."""

CAPS = frozenset({"ACE", "NME", "NMA", "NH2", "FOR", "NHE"})
"""What ends a chain in place of an amino acid."""

WATERS = frozenset(
    {"HOH", "WAT", "DOD", "H2O", "OH2", "TIP", "TIP3", "TIP4", "TIP5", "TP3", "T3P", "T4P", "SOL"}
    | {"SPC", "SPCE", "WTR"}
)


def usual_name(name: str, atoms: Iterable[str]) -> str:
    """The usual name of an amino acid, or the name itself.

    Some names have another meaning in the PDB (HSE is homoserine too): the atoms must be those of
    the usual amino acid.
    """
    usual = RENAMED.get(name, name)
    if usual == name:
        return name
    allowed = {*AMINO_ACIDS[usual], "OXT"}
    return usual if all(usual_atom(usual, atom) in allowed for atom in atoms) else name


def usual_atom(residue: str, atom: str) -> str:
    """The usual name of an atom in a residue of that usual name."""
    return ATOMS_RENAMED.get((residue, atom)) or ATOMS_RENAMED.get((None, atom)) or atom
