"""Reading the implicit solvent of an OpenMM `System`: OBC1 and OBC2 with the ACE surface term."""

import math
import re
from collections.abc import Callable

import openmm
import torch
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.forcefield.gbsa import GBSA, PROBE_RADIUS_NM
from molgen.md.forcefield.openmm_rows import COULOMB, describe, number, rows


def make_gbsa(
    charge: Tensor,
    radius: Tensor,
    offset: float,
    scale: Callable[[Tensor], Tensor],
    coulomb: float,
    surface: float,
    shape: tuple[float, float, float],
    engulfed: bool,
) -> GBSA:
    """`GBSA` from charges [N], e, and intrinsic radii [N], nm; `scale` turns rho into s."""
    rho = radius - offset
    descreening = scale(rho).expand(len(rho), -1).clone().fill_diagonal_(0)
    return GBSA(
        charge_products=-coulomb * torch.outer(charge, charge),
        radius=radius[:, None],
        offset_radius=rho[:, None],
        descreening=descreening,
        surface=(surface * (radius + PROBE_RADIUS_NM) ** 2)[:, None],
        shape=torch.tensor(shape, dtype=torch.float64),
        engulfed=engulfed,
    )


def read_gbsa_obc(force: openmm.GBSAOBCForce) -> GBSA:
    """OpenMM's built-in OBC2 model."""
    if force.getNonbondedMethod() != openmm.GBSAOBCForce.NoCutoff:
        raise UsageError("OpenMM System: GBSAOBCForce has a cutoff; use nonbondedMethod=NoCutoff")
    table = rows([force], "getNumParticles", "getParticleParameters")
    charge, radius, scale = torch.tensor(table, dtype=torch.float64).T
    contrast = 1 / force.getSoluteDielectric() - 1 / force.getSolventDielectric()
    return make_gbsa(
        charge,
        radius,
        0.009,
        lambda rho: scale * rho,
        COULOMB * contrast,
        4 * math.pi * number(force.getSurfaceAreaEnergy()),
        (1.0, 0.8, 4.85),
        engulfed=True,
    )


NUMBER = r"([0-9.]+(?:e[-+]?[0-9]+)?)"
INTEGRAL = (
    "select(step(r+sr2-or1),0.5*(1/L-1/U+0.25*(r-sr2^2/r)*(1/(U^2)-1/(L^2))+0.5*log(L/U)/r),0);"
    "U=r+sr2;L=max(or1,D);D=abs(r-sr2)"
)
RADII = {  # the tanh of OBC1 and OBC2, and (a, b, c) of the numbers found in it
    rf"1/\(1/or-tanh\({NUMBER}\*psi\+{NUMBER}\*psi\^3\)/radius\)": lambda a, c: (a, 0.0, c),
    rf"1/\(1/or-tanh\(psi-{NUMBER}\*psi\^2\+{NUMBER}\*psi\^3\)/radius\)": lambda b, c: (1.0, b, c),
}
CONTRAST = r"(?:\(1/soluteDielectric-1/solventDielectric\))"
SELF = rf"-0\.5\*{NUMBER}\*{CONTRAST}\*charge\^2/B"
PAIR = (
    rf"-{NUMBER}\*{CONTRAST}\*charge1\*charge2/f;f=sqrt\(r\^2\+B1\*B2\*exp\(-r\^2/\(4\*B1\*B2\)\)\)"
)
SURFACE = rf"{NUMBER}\*\(radius\+0\.14\)\^2\*\(radius/B\)\^6"


def read_custom_gb(force: openmm.CustomGBForce) -> GBSA:
    """OBC1 or OBC2 as OpenMM's `implicit/obc1.xml`, `obc2.xml` and AmberPrmtopFile write them.

    The expressions must be exactly those; anything else is refused, for its energy is unknown.
    """

    def refuse(what: str) -> UsageError:
        return UsageError(
            f"OpenMM System: {describe(force)} is not a known OBC1 or OBC2 model ({what}); "
            "use implicit/obc1.xml or implicit/obc2.xml without salt, or amber99_obc.xml"
        )

    if force.getNonbondedMethod() != openmm.CustomGBForce.NoCutoff:
        raise UsageError(
            f"OpenMM System: {describe(force)} has a cutoff; use nonbondedMethod=NoCutoff"
        )
    names = [
        force.getPerParticleParameterName(i) for i in range(force.getNumPerParticleParameters())
    ]
    if names != ["charge", "or", "sr"] or force.getNumExclusions():
        raise refuse(f"particle parameters {', '.join(names)}")
    constants = {
        force.getGlobalParameterName(i): force.getGlobalParameterDefaultValue(i)
        for i in range(force.getNumGlobalParameters())
    }
    found: dict[str, tuple[float, ...]] = {}
    values = [force.getComputedValueParameters(i) for i in range(force.getNumComputedValues())]
    energies = [force.getEnergyTermParameters(i) for i in range(force.getNumEnergyTerms())]
    single = openmm.CustomGBForce.SingleParticle
    if len(values) != 2 or values[0][0] != "I" or values[1][0] != "B":
        raise refuse("computed values " + ", ".join(v[0] for v in values))
    if squeeze(values[0][1]) != INTEGRAL or values[0][2] == single:
        raise refuse(f"I = {values[0][1]}")
    head, definitions = split_constants(values[1][1])
    constants.update(definitions)
    for pattern, shape in RADII.items():
        if match := re.fullmatch(pattern + r";psi=I\*or;radius=or\+offset", head):
            found["shape"] = shape(*(float(v) for v in match.groups()))
    if "shape" not in found:
        raise refuse(f"B = {values[1][1]}")
    for text, kind in energies:
        head, definitions = split_constants(text)
        constants.update(definitions)
        head = head.removesuffix(";radius=or+offset")
        for name, pattern in (("self", SELF), ("pair", PAIR), ("surface", SURFACE)):
            match = re.fullmatch(pattern, head)
            if match and (kind == single) == (name != "pair") and name not in found:
                found[name] = (float(match[1]),)
                break
        else:
            raise refuse(f"energy term {text}")
    needed = {"solventDielectric", "soluteDielectric", "offset"} - set(constants)
    if needed or found.get("self") is None or found.get("self") != found.get("pair"):
        raise refuse("its self and pair energies do not belong together")
    table = rows([force], "getNumParticles", "getParticleParameters")
    charge, rho, descreening = torch.tensor(table, dtype=torch.float64).T
    contrast = 1 / constants["soluteDielectric"] - 1 / constants["solventDielectric"]
    return make_gbsa(
        charge,
        rho + constants["offset"],
        constants["offset"],
        lambda _: descreening,
        found["pair"][0] * contrast,
        found.get("surface", (0.0,))[0],
        found["shape"],  # type: ignore[arg-type]
        engulfed=False,
    )


def squeeze(expression: str) -> str:
    """An expression without blanks."""
    return re.sub(r"\s+", "", expression)


def split_constants(expression: str) -> tuple[str, dict[str, float]]:
    """An expression without its definitions of plain numbers (`offset=0.009`), and these."""
    parts = squeeze(expression).split(";")
    constants: dict[str, float] = {}
    kept = []
    for part in parts:
        if match := re.fullmatch(rf"([A-Za-z]+)={NUMBER}", part):
            constants[match[1]] = float(match[2])
        elif part:
            kept.append(part)
    return ";".join(kept), constants
