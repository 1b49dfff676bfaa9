"""Reading an OpenMM `System` into the tensors of `ForceField`; the only part that needs OpenMM."""

import math
import re
from collections import defaultdict
from collections.abc import Callable

import openmm
import torch
from openmm import unit
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.forcefield_terms import Bonded, Nonbonded
from molgen.md.gbsa import PROBE_RADIUS_NM, GBSA

COULOMB = 138.93545764438198  # kJ nm/mol/e^2, OpenMM's value
IGNORED = (openmm.CMMotionRemover,)


def number(value: object) -> float:
    """A plain float in OpenMM's units (nm, ps, kJ/mol, rad, e) of a quantity or a number."""
    if unit.is_quantity(value):
        return float(value.value_in_unit_system(unit.md_unit_system))  # type: ignore[attr-defined]
    return float(value)  # type: ignore[arg-type]


def read_system(system: openmm.System) -> tuple[Bonded, Nonbonded, GBSA | None]:
    """The terms of an OpenMM System, float64 on the CPU.

    Raises:
        UsageError: for constraints, virtual sites, a cutoff, or a force that is not supported.
    """
    atoms = system.getNumParticles()
    if system.getNumConstraints():
        raise UsageError(
            f"OpenMM System: {system.getNumConstraints()} constraints are not supported; "
            "create it with constraints=None and rigidWater=False"
        )
    if any(system.isVirtualSite(i) for i in range(atoms)):
        raise UsageError("OpenMM System: virtual sites are not supported; use a model without them")
    by_kind: dict[type, list[openmm.Force]] = defaultdict(list)
    supported = (
        openmm.HarmonicBondForce,
        openmm.HarmonicAngleForce,
        openmm.PeriodicTorsionForce,
        openmm.CMAPTorsionForce,
        openmm.NonbondedForce,
        openmm.GBSAOBCForce,
        openmm.CustomGBForce,
        *IGNORED,
    )
    for force in system.getForces():
        if type(force) not in supported:
            raise UsageError(
                f"OpenMM System: {describe(force)} is not supported; remove it or use a force "
                "field made of " + ", ".join(kind.__name__ for kind in supported)
            )
        if not isinstance(force, IGNORED) and force.usesPeriodicBoundaryConditions():
            raise UsageError(
                f"OpenMM System: {describe(force)} is periodic; create the System with "
                "nonbondedMethod=NoCutoff"
            )
        by_kind[type(force)].append(force)
    solvents = by_kind[openmm.GBSAOBCForce] + by_kind[openmm.CustomGBForce]
    for name, forces in (("NonbondedForce", by_kind[openmm.NonbondedForce]), ("GB", solvents)):
        if len(forces) > 1:
            raise UsageError(f"OpenMM System: {len(forces)} {name} terms; at most one is supported")
    gb = None
    if solvents:
        reader = read_gbsa_obc if isinstance(solvents[0], openmm.GBSAOBCForce) else read_custom_gb
        gb = reader(solvents[0])
    return read_bonded(atoms, by_kind), read_nonbonded(atoms, by_kind[openmm.NonbondedForce]), gb


def describe(force: openmm.Force) -> str:
    """The class of a force, with its name where the user gave it one."""
    kind = type(force).__name__
    return kind if force.getName() == kind else f"{kind} '{force.getName()}'"


def rows(forces: list[openmm.Force], count: str, get: str) -> list[list[float]]:
    """Every parameter row of some forces of one kind, as plain numbers."""
    return [
        [number(v) for v in getattr(f, get)(i)] for f in forces for i in range(getattr(f, count)())
    ]


def read_bonded(atoms: int, by_kind: dict[type, list[openmm.Force]]) -> Bonded:
    """Bonds, angles, torsions (terms of the same four atoms joined in one series) and maps."""
    bonds = rows(by_kind[openmm.HarmonicBondForce], "getNumBonds", "getBondParameters")
    angles = rows(by_kind[openmm.HarmonicAngleForce], "getNumAngles", "getAngleParameters")
    terms = rows(by_kind[openmm.PeriodicTorsionForce], "getNumTorsions", "getTorsionParameters")
    torsions: dict[tuple[int, ...], list[list[float]]] = defaultdict(list)
    for row in terms:
        if row[6] != 0:
            chain = tuple(int(v) for v in row[:4])
            # reversing the chain leaves the dihedral, its sign included, as it is
            torsions[min(chain, chain[::-1])].append(row[4:])
    order = max([1] + [int(p) for t in torsions.values() for p, _, _ in t])
    series = torch.zeros(len(torsions), 2, order + 1, dtype=torch.float64)
    for row_series, parts in zip(series, torsions.values(), strict=True):
        for periodicity, phase, k in parts:
            row_series[0, 0] += k
            row_series[0, int(periodicity)] += k * math.cos(phase)
            row_series[1, int(periodicity)] += k * math.sin(phase)
    pairs = [[(int(b[0]), int(b[1])) for b in bonds]]
    pairs.extend([(int(a[1]), int(a[i])) for a in angles] for i in (0, 2))
    pairs.extend([(c[i], c[i + 1]) for c in torsions] for i in range(3))
    maps = rows(by_kind[openmm.CMAPTorsionForce], "getNumTorsions", "getTorsionParameters")
    pairs.extend([(int(m[i]), int(m[i + 1])) for m in maps] for i in (1, 2, 3, 5, 6, 7))
    flat = torch.tensor([p for block in pairs for p in block], dtype=torch.int64).reshape(-1, 2)
    incidence = torch.zeros(len(flat), atoms, dtype=torch.float64)
    incidence.scatter_add_(1, flat[:, :1], -torch.ones(len(flat), 1, dtype=torch.float64))
    incidence.scatter_add_(1, flat[:, 1:], torch.ones(len(flat), 1, dtype=torch.float64))
    map_index, tables = read_maps(by_kind[openmm.CMAPTorsionForce])
    return Bonded(
        incidence=incidence,
        bonds=torch.tensor([b[2:] for b in bonds], dtype=torch.float64).reshape(-1, 2),
        angles=torch.tensor([a[3:] for a in angles], dtype=torch.float64).reshape(-1, 2),
        torsions=series,
        map_index=map_index,
        map_tables=tables,
    )


def read_maps(forces: list[openmm.Force]) -> tuple[Tensor, Tensor]:
    """Map index of each torsion pair [maps] and bicubic tables [tables, size^2, 16]."""
    index: list[int] = []
    tables: list[Tensor] = []
    for force in forces:
        index.extend(
            int(force.getTorsionParameters(i)[0]) + len(tables)
            for i in range(force.getNumTorsions())
        )
        for i in range(force.getNumMaps()):
            size, energy = force.getMapParameters(i)
            grid = torch.tensor([number(e) for e in energy], dtype=torch.float64)
            tables.append(bicubic_table(grid.reshape(size, size).mT))  # OpenMM: phi runs fastest
    if len({len(t) for t in tables}) > 1:
        raise UsageError("OpenMM System: CMAPTorsionForce with maps of different sizes; use one")
    stacked = torch.stack(tables) if tables else torch.zeros(0, 1, 16, dtype=torch.float64)
    return torch.tensor(index, dtype=torch.int64), stacked


def bicubic_table(grid: Tensor) -> Tensor:
    """Coefficients [size^2, 16] of the bicubic patches of a periodic table.

    On a patch E = sum_kl c_kl t^k u^l, t and u in [0, 1]. The slopes at the nodes are those of the
    periodic cubic splines through rows and columns, as OpenMM takes them.

    Args:
        grid: [size, size], kJ/mol, at angles 2 pi i / size.
    """
    size = len(grid)
    eye = torch.eye(size, dtype=grid.dtype)
    ahead, behind = eye.roll(1, 1), eye.roll(-1, 1)  # (ahead @ y)_i = y_{i+1}
    slope = torch.linalg.solve(4 * eye + ahead + behind, 3 * (ahead - behind))
    d1, d2 = slope @ grid, grid @ slope.mT
    d12 = slope @ d2
    hermite = torch.tensor(
        [[1, 0, 0, 0], [0, 0, 1, 0], [-3, 3, -2, -1], [2, -2, 1, 1]], dtype=grid.dtype
    )  # powers of t from (value here, value next, slope here, slope next)

    def corners(values: Tensor) -> list[list[Tensor]]:
        return [[values.roll((-i, -j), (0, 1)) for j in (0, 1)] for i in (0, 1)]

    e, e1, e2, e12 = (corners(v) for v in (grid, d1, d2, d12))
    nodes = [[*a, *b] for a, b in zip([*e, *e1], [*e2, *e12], strict=True)]
    block = torch.stack([torch.stack(row, -1) for row in nodes], -2)  # [size, size, 4, 4]
    return (hermite @ block @ hermite.mT).reshape(size * size, 16)


def read_nonbonded(atoms: int, forces: list[openmm.Force]) -> Nonbonded:
    """Pair matrices of a NonbondedForce without cutoff, exceptions replaced."""
    charge, sigma, epsilon = torch.zeros(3, atoms, dtype=torch.float64)
    exceptions: list[list[float]] = []
    for force in forces:
        if force.getNonbondedMethod() != openmm.NonbondedForce.NoCutoff:
            raise UsageError(
                f"OpenMM System: {describe(force)} has a cutoff; create the System with "
                "nonbondedMethod=NoCutoff"
            )
        if force.getNumParticleParameterOffsets() or force.getNumExceptionParameterOffsets():
            raise UsageError(f"OpenMM System: {describe(force)} has parameter offsets; remove them")
        table = rows([force], "getNumParticles", "getParticleParameters")
        charge, sigma, epsilon = torch.tensor(table, dtype=torch.float64).T
        exceptions = rows([force], "getNumExceptions", "getExceptionParameters")
    coulomb = COULOMB * torch.outer(charge, charge)
    s6 = (0.5 * (sigma[:, None] + sigma)) ** 6
    dispersion = 4 * torch.sqrt(torch.outer(epsilon, epsilon)) * s6
    repulsion = dispersion * s6
    for i, j, qq, s, e in exceptions:
        at = ([int(i), int(j)], [int(j), int(i)])
        coulomb[at] = COULOMB * qq
        dispersion[at] = 4 * e * s**6
        repulsion[at] = 4 * e * s**12
    for matrix in (coulomb, repulsion, dispersion):
        matrix.fill_diagonal_(0)
    return Nonbonded(coulomb=coulomb, repulsion=repulsion, dispersion=dispersion)


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
        descreening=descreening[:, :, None],
        surface=(surface * (radius + PROBE_RADIUS_NM) ** 2)[:, None],
        shape=torch.tensor(shape, dtype=torch.float64),
        engulfed=torch.tensor(float(engulfed), dtype=torch.float64),
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
