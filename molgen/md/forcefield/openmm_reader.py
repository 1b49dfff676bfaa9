"""Reading an OpenMM `System` into the tensors of `ForceField`; the only part that needs OpenMM."""

import math
from collections import defaultdict

import openmm
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from molgen.errors import UsageError
from molgen.md.forcefield.gbsa import GBSA
from molgen.md.forcefield.openmm_gb import read_custom_gb, read_gbsa_obc
from molgen.md.forcefield.openmm_rows import COULOMB, describe, number, rows
from molgen.md.forcefield.terms import Bonded, Nonbonded

IGNORED = (openmm.CMMotionRemover,)
COMMON_ORDER = 4
"""Periodicity of most force fields' torsions: series of one length share a compiled program."""


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
    charges = by_kind[openmm.NonbondedForce]
    for name, forces in (("non-bonded", charges), ("implicit-solvent", solvents)):
        if len(forces) > 1:
            raise UsageError(f"OpenMM System: {len(forces)} {name} forces; join them in one")
    gb = None
    if solvents:
        reader = read_gbsa_obc if isinstance(solvents[0], openmm.GBSAOBCForce) else read_custom_gb
        gb = reader(solvents[0])
    return read_bonded(atoms, by_kind), read_nonbonded(atoms, charges), gb


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
    order = max([COMMON_ORDER] + [int(p) for t in torsions.values() for p, _, _ in t])
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
    flat = [pair for block in pairs for pair in block]
    ends = torch.tensor(flat, dtype=torch.int64).reshape(-1, 2).T.contiguous()
    incidence = one_hot(ends[1], atoms) - one_hot(ends[0], atoms)
    map_index, tables = read_maps(by_kind[openmm.CMAPTorsionForce])
    return Bonded(
        ends=ends,
        incidence=incidence.T.to(torch.float64).contiguous(),
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
