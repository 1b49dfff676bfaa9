"""Bonded and non-bonded terms of a molecular force field: energies and their gradients, batched.

The replicas are innermost in memory and vectors are kept by component, so that each operation runs
over contiguous replicas and the compiler can fuse a whole term: a `Vector` of `rows` is three
tensors [rows, n]. Terms return an energy [n] in kJ/mol with its gradients; units nm, rad, kJ/mol.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

Vector = tuple[Tensor, ...]
"""The x, y and z of some rows of vectors, each [rows, n]."""

TINY = 1e-14  # nm^4: keeps a gradient finite where an angle is exactly straight


@dataclass(frozen=True)
class Bonded:
    """Harmonic bonds and angles, periodic torsions, torsion-torsion maps.

    All are functions of difference vectors between two atoms: one a bond, two an angle (centre to
    first, centre to last), three a torsion (along its chain), six a map (two torsions). Their rows
    come in that order; within a kind all first vectors come before all second ones.

    Attributes:
        ends: [2, rows], int64: atoms from and to which the vectors point.
        incidence: [N, rows]: minus one at the from-atom, one at the to-atom.
        bonds: [bonds, 2]: length nm, force constant kJ/mol/nm^2.
        angles: [angles, 2]: angle rad, force constant kJ/mol/rad^2.
        torsions: [torsions, 2, M + 1], kJ/mol: E = sum_m A_m cos(m phi) + B_m sin(m phi).
        map_index: [maps], int64: which table a torsion pair uses.
        map_tables: [tables, size * size, 16], kJ/mol: bicubic coefficients of each patch.
    """

    ends: Tensor
    incidence: Tensor
    bonds: Tensor
    angles: Tensor
    torsions: Tensor
    map_index: Tensor
    map_tables: Tensor


@dataclass(frozen=True)
class Nonbonded:
    """Coulomb and Lennard-Jones between all pairs, exceptions and exclusions baked in.

    Attributes:
        coulomb: [N, N], kJ nm/mol: k_e q_i q_j, zero diagonal.
        repulsion: [N, N], kJ nm^12/mol: 4 epsilon sigma^12.
        dispersion: [N, N], kJ nm^6/mol: 4 epsilon sigma^6.
    """

    coulomb: Tensor
    repulsion: Tensor
    dispersion: Tensor


def dot(a: Vector, b: Vector) -> Tensor:
    """Scalar products, of the shape of a component."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """Vector products."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def combine(p: Tensor, a: Vector, q: Tensor, b: Vector) -> Vector:
    """The vectors p a + q b."""
    return tuple(p * u + q * v for u, v in zip(a, b, strict=True))


def scale(p: Tensor, a: Vector) -> Vector:
    """The vectors p a."""
    return tuple(p * u for u in a)


def bond_terms(bonds: Tensor, u: Vector) -> tuple[Tensor, Vector]:
    """E = k (|u| - r0)^2 / 2 and dE/du."""
    r = torch.sqrt(dot(u, u))
    stretch = r - bonds[:, :1]
    slope = bonds[:, 1:] * stretch
    return (0.5 * slope * stretch).sum(0), scale(slope / r, u)


def angle_terms(angles: Tensor, u: Vector, v: Vector) -> tuple[Tensor, Vector, Vector]:
    """E = k (theta - theta0)^2 / 2 of the angle between u and v, dE/du and dE/dv."""
    uv, w = dot(u, v), cross(u, v)
    # the vector product keeps its digits near 0 and 180 degrees, where arccos loses them
    sine = torch.sqrt(dot(w, w).clamp_min(TINY))  # |u||v| sin(theta)
    bend = torch.atan2(sine, uv) - angles[:, :1]
    slope = angles[:, 1:] * bend
    p = slope / sine
    du = combine(p * uv / dot(u, u), u, -p, v)
    dv = combine(p * uv / dot(v, v), v, -p, u)
    return (0.5 * slope * bend).sum(0), du, dv


@dataclass(frozen=True)
class Dihedral:
    """cos(phi), sin(phi) and dphi/d(b1, b2, b3) of chains of three vectors b1, b2, b3."""

    cosine: Tensor
    sine: Tensor
    gradients: tuple[Vector, Vector, Vector]


def dihedral(b1: Vector, b2: Vector, b3: Vector) -> Dihedral:
    """Dihedral angles by their cosine and sine; Blondel & Karplus 1996 for the gradient."""
    m, k = cross(b1, b2), cross(b2, b3)
    mm, kk, bb = dot(m, m).clamp_min(TINY), dot(k, k).clamp_min(TINY), dot(b2, b2)
    length = torch.sqrt(bb)
    norm = torch.rsqrt(mm * kk)
    g1 = scale(length / mm, m)
    g3 = scale(length / kk, k)
    g2 = combine(-dot(b1, b2) / bb, g1, -dot(b3, b2) / bb, g3)
    return Dihedral(dot(m, k) * norm, length * dot(b1, k) * norm, (g1, g2, g3))


def torsion_terms(torsions: Tensor, phi: Dihedral) -> tuple[Tensor, Tensor]:
    """E = sum_m A_m cos(m phi) + B_m sin(m phi) by the addition theorem, and dE/dphi."""
    A, B = (part.T.unsqueeze(-1) for part in torsions.unbind(1))  # [M + 1, torsions, 1]
    cos_m, sin_m = phi.cosine, phi.sine
    energy = A[0] + A[1] * cos_m + B[1] * sin_m
    slope = B[1] * cos_m - A[1] * sin_m
    for m in range(2, len(A)):
        cos_m, sin_m = (
            cos_m * phi.cosine - sin_m * phi.sine,
            sin_m * phi.cosine + cos_m * phi.sine,
        )
        energy = energy + A[m] * cos_m + B[m] * sin_m
        slope = slope + m * (B[m] * cos_m - A[m] * sin_m)
    return energy.sum(0), slope


def map_terms(
    index: Tensor, tables: Tensor, phi: Dihedral, psi: Dihedral
) -> tuple[Tensor, Tensor, Tensor]:
    """E(phi, psi) by bicubic interpolation on a periodic table, dE/dphi and dE/dpsi."""
    size = round(tables.shape[1] ** 0.5)
    step = 2 * torch.pi / size
    cells, fractions = [], []
    for angle in (phi, psi):
        turns = torch.remainder(torch.atan2(angle.sine, angle.cosine) / step, size)
        cell = turns.floor().clamp(max=size - 1)  # remainder may round up to size
        cells.append(cell.to(torch.int64))
        fractions.append(turns - cell)
    patch = index.unsqueeze(1) * (size * size) + cells[0] * size + cells[1]
    c = tables.reshape(-1, 4, 4)[patch]  # [maps, n, 4, 4], E = sum_kl c_kl t^k u^l
    (t, dt), (u, du) = (_powers(f) for f in fractions)
    rows = (c * u.unsqueeze(-2)).sum(-1)
    slope_rows = (c * du.unsqueeze(-2)).sum(-1)
    d_phi, d_psi = (rows * dt).sum(-1) / step, (slope_rows * t).sum(-1) / step
    return (rows * t).sum((0, -1)), d_phi, d_psi


def _powers(t: Tensor) -> tuple[Tensor, Tensor]:
    """1, t, t^2, t^3 along a new last axis, and their derivatives."""
    one = torch.ones_like(t)
    return torch.stack([one, t, t * t, t * t * t], -1), torch.stack(
        [torch.zeros_like(t), one, 2 * t, 3 * t * t], -1
    )


def bonded_energies_and_forces(terms: Bonded, x: Vector) -> tuple[dict[str, Tensor], Vector]:
    """Energies by name, [n], and the forces of all bonded terms, by component, [N, n]."""
    counts = [len(terms.bonds), len(terms.angles), len(terms.torsions), len(terms.map_index)]
    sizes = [size * count for size, count in zip((1, 2, 3, 6), counts, strict=True)]
    start, end = terms.ends.unbind()
    parts = [(c[end] - c[start]).split(sizes) for c in x]
    bonds, angles, torsions, maps = (tuple(rows) for rows in zip(*parts, strict=True))
    energies: dict[str, Tensor] = {}
    gradients: list[Vector] = []
    if counts[0]:
        energies["bonds"], du = bond_terms(terms.bonds, bonds)
        gradients.append(du)
    if counts[1]:
        energies["angles"], *dudv = angle_terms(terms.angles, *_divide(angles, 2))
        gradients.extend(dudv)
    if counts[2]:
        phi = dihedral(*_divide(torsions, 3))
        energies["torsions"], slope = torsion_terms(terms.torsions, phi)
        gradients.extend(scale(slope, g) for g in phi.gradients)
    if counts[3]:
        b = _divide(maps, 6)
        phi, psi = dihedral(*b[:3]), dihedral(*b[3:])
        energies["cmap"], d_phi, d_psi = map_terms(terms.map_index, terms.map_tables, phi, psi)
        gradients.extend(scale(d_phi, g) for g in phi.gradients)
        gradients.extend(scale(d_psi, g) for g in psi.gradients)
    if not gradients:
        return energies, tuple(torch.zeros_like(c) for c in x)
    # A product with the incidence matrix adds up in a fixed order, unlike atomic additions: a run
    # can be repeated to the last bit.
    return energies, tuple(-(terms.incidence @ torch.cat(g)) for g in zip(*gradients, strict=True))


def _divide(rows: Vector, parts: int) -> list[Vector]:
    """Vectors [parts * rows, n] as `parts` vectors [rows, n]."""
    return list(zip(*(c.chunk(parts) for c in rows), strict=True))


def nonbonded_pairs(terms: Nonbonded, r_square: Tensor, diagonal: Tensor) -> tuple[Tensor, Tensor]:
    """Coulomb plus Lennard-Jones energy and what it pulls on every pair, -2 dE/d(r_ij^2).

    Args:
        terms: parameters.
        r_square: [N, N, n], nm^2.
        diagonal: [N, N, 1], the unit matrix.

    Returns:
        energy [n], kJ/mol; pull [N, N, n], kJ/mol/nm^2: the force on atom i is
        sum_j pull_ij (x_i - x_j).
    """
    r_inverse = torch.rsqrt(r_square + diagonal)
    inverse_2 = r_inverse * r_inverse
    inverse_6 = inverse_2 * inverse_2 * inverse_2
    coulomb = terms.coulomb.unsqueeze(-1) * r_inverse
    repulsion = terms.repulsion.unsqueeze(-1) * inverse_6 * inverse_6
    dispersion = terms.dispersion.unsqueeze(-1) * inverse_6
    energy = 0.5 * (coulomb + repulsion - dispersion).sum((0, 1))
    return energy, (coulomb + 12 * repulsion - 6 * dispersion) * inverse_2
