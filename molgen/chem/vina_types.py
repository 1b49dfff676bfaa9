"""Atom types of the X-Score family as AutoDock Vina uses them, and their radii.

Sources: Wang, Lai & Wang 2002 (the types), Trott & Olson 2010 (Vina), Quiroga & Villarreal 2016,
doi 10.1371/journal.pone.0155183 (the radii of Vinardo). Hydrogens have no type: they only make a
donor of the nitrogen or oxygen that bears them.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from molgen.units import ANGSTROM


class VinaType(IntEnum):
    """A heavy atom: element, and whether it is polar (P), a donor (D), an acceptor (A) or both.

    C_H has carbon (and hydrogen) neighbours alone. MET is any metal.
    """

    C_H = 0
    C_P = 1
    N_P = 2
    N_D = 3
    N_A = 4
    N_DA = 5
    O_P = 6
    O_D = 7
    O_A = 8
    O_DA = 9
    S = 10
    P = 11
    F = 12
    CL = 13
    BR = 14
    I = 15  # noqa: E741 (iodine)
    SI = 16
    AT = 17
    MET = 18
    B = 19


def _radii(carbon: float, nitrogen: float, oxygen: float) -> NDArray[np.float64]:
    others = [2.0, 2.1, 1.5, 1.8, 2.0, 2.2, 2.2, 2.3, 1.2, 1.9]
    return np.array([carbon] * 2 + [nitrogen] * 4 + [oxygen] * 4 + others) * ANGSTROM


def _flags(*types: VinaType) -> NDArray[np.bool_]:
    return np.isin(np.arange(len(VinaType)), types)


RADII_NM = {"vina": _radii(1.9, 1.8, 1.7), "vinardo": _radii(2.0, 1.7, 1.6)}
"""Radius of each type, nm: two atoms touch at the sum of theirs."""

HYDROPHOBIC = _flags(VinaType.C_H, VinaType.F, VinaType.CL, VinaType.BR, VinaType.I)
DONOR = _flags(VinaType.N_D, VinaType.N_DA, VinaType.O_D, VinaType.O_DA, VinaType.MET)
ACCEPTOR = _flags(VinaType.N_A, VinaType.N_DA, VinaType.O_A, VinaType.O_DA)

_ELEMENTS = {
    5: VinaType.B,
    6: VinaType.C_H,
    7: VinaType.N_P,
    8: VinaType.O_P,
    9: VinaType.F,
    14: VinaType.SI,
    15: VinaType.P,
    16: VinaType.S,
    17: VinaType.CL,
    35: VinaType.BR,
    53: VinaType.I,
    85: VinaType.AT,
    # Not in Vina's table: the type of the neighbour in the group, as Vina has it for selenium.
    32: VinaType.SI,
    33: VinaType.P,
    34: VinaType.S,
    36: VinaType.BR,
    52: VinaType.S,
    54: VinaType.I,
}


def element_type(atomic_number: int) -> VinaType:
    """The type of an element with no polar neighbour and neither donor nor acceptor."""
    return _ELEMENTS.get(atomic_number, VinaType.MET)


def hydrogen_bonding(element: VinaType, *, donor: bool, acceptor: bool) -> VinaType:
    """The type of a nitrogen (N_P) or oxygen (O_P) that gives or takes hydrogen bonds."""
    return VinaType(element + donor + 2 * acceptor)
