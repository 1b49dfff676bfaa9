"""The pair terms of the scoring functions Vina and Vinardo, and their slopes.

With s = r - R_i - R_j, the distance between the surfaces of two atoms:

    sum_k w_k exp(-((s - o_k) / b_k)^2) + w_rep min(s, 0)^2
        + w_hyd ramp(s; hydrophobic) + w_hb ramp(s; hydrogen bond)

A ramp is 1 below its good distance, 0 above its bad one, linear between. Trott & Olson 2010;
Quiroga & Villarreal 2016 (doi 10.1371/journal.pone.0155183). Weights as in AutoDock Vina 1.2,
whose penalty a rotor with Vinardo is that of Vina, not the 0.02 of the paper.
"""

from dataclasses import dataclass

CUTOFF_NM = 0.8
"""Atoms farther apart do not interact."""


@dataclass(frozen=True)
class Gaussian:
    """w exp(-((s - offset) / width)^2): weight in kcal/mol, lengths in nm."""

    weight: float
    offset: float
    width: float


@dataclass(frozen=True)
class Ramp:
    """w at `good` nm and nearer, 0 at `bad` nm and farther: weight in kcal/mol."""

    weight: float
    good: float
    bad: float


@dataclass(frozen=True)
class Terms:
    """A scoring function.

    Attributes:
        gaussians: for all pairs of atoms.
        repulsion: kcal/mol/nm^2, for all pairs that overlap.
        hydrophobic: for pairs of hydrophobic atoms.
        hydrogen_bond: for pairs of a donor and an acceptor.
        rotor: the total is divided by 1 + rotor N_rot.
    """

    gaussians: tuple[Gaussian, ...]
    repulsion: float
    hydrophobic: Ramp
    hydrogen_bond: Ramp
    rotor: float = 0.05846


TERMS = {
    "vina": Terms(
        gaussians=(Gaussian(-0.035579, 0.0, 0.05), Gaussian(-0.005156, 0.3, 0.2)),
        repulsion=84.0245,
        hydrophobic=Ramp(-0.035069, 0.05, 0.15),
        hydrogen_bond=Ramp(-0.587439, -0.07, 0.0),
    ),
    "vinardo": Terms(
        gaussians=(Gaussian(-0.045, 0.0, 0.08),),
        repulsion=80.0,
        hydrophobic=Ramp(-0.035, 0.0, 0.25),
        hydrogen_bond=Ramp(-0.6, -0.06, 0.0),
    ),
}
