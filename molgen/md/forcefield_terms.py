r"""Bonded and non-bonded terms of a molecular force field: energies and analytic forces, batched.

Every function takes vectors or positions with the replicas innermost, [rows, 3, n] in nm, and
returns an energy [n] in kJ/mol with what is needed for the forces. The bonded terms work on
difference vectors between atoms, taken out of the positions by one matrix of -1, 0 and 1 (`Bonded`)
whose transpose brings the gradients back to the atoms.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

TINY = 1e-14  # nm^4: keeps a gradient finite where an angle is exactly straight


@dataclass(frozen=True)
class Bonded:
    """Harmonic bonds and angles, periodic torsions, torsion-torsion maps.

    Attributes:
        incidence: [rows, N]: difference vectors in the order bonds (1 each), angles (2: centre to
            first, centre to last), torsions (3: along the chain), maps (6: two torsions).
        bonds: [bonds, 2]: length nm, force constant kJ/mol/nm^2.
        angles: [angles, 2]: angle rad, force constant kJ/mol/rad^2.
        torsions: [torsions, 2, M + 1], kJ/mol: E = sum_m A_m cos(m phi) + B_m sin(m phi).
        map_index: [maps]: which table a torsion pair uses, int64.
        map_tables: [tables, size * size, 16], kJ/mol: bicubic coefficients of each patch.
    """

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


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Scalar products of vectors [rows, 3, n]: [rows, n]."""
    return (a * b).sum(1)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Vector products of vectors [rows, 3, n]: [rows, 3, n]."""
    return torch.linalg.cross(a, b, dim=1)


def bond_terms(bonds: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """E = k (|u| - r0)^2 / 2 and dE/du."""
    r = torch.sqrt(dot(u, u))
    stretch = r - bonds[:, :1]
    pull = bonds[:, 1:] * stretch
    return (0.5 * pull * stretch).sum(0), (pull / r).unsqueeze(1) * u


def angle_terms(angles: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """E = k (theta - theta0)^2 / 2 of the angle between u and v, dE/du and dE/dv."""
    uu, vv, uv = dot(u, u), dot(v, v), dot(u, v)
    # |u x v|^2 = uu vv - uv^2; the vector product itself keeps its digits near 0 and 180 degrees.
    w = cross(u, v)
    sine = torch.sqrt(dot(w, w).clamp_min(TINY))  # |u||v| sin(theta)
    bend = torch.atan2(sine, uv) - angles[:, :1]
    pull = angles[:, 1:] * bend
    scale = pull / sine
    du = (scale * uv / uu).unsqueeze(1) * u - scale.unsqueeze(1) * v
    dv = (scale * uv / vv).unsqueeze(1) * v - scale.unsqueeze(1) * u
    return (0.5 * pull * bend).sum(0), du, dv


@dataclass(frozen=True)
class Dihedral:
    """cos(phi), sin(phi) [rows, n] and dphi/d(b1, b2, b3) [rows, 3, n] of chains b1, b2, b3."""

    cosine: Tensor
    sine: Tensor
    gradients: tuple[Tensor, Tensor, Tensor]


def dihedral(b1: Tensor, b2: Tensor, b3: Tensor) -> Dihedral:
    """Dihedral angle of three consecutive vectors; Blondel & Karplus 1996 for the gradient."""
    m, k = cross(b1, b2), cross(b2, b3)
    mm, kk, bb = dot(m, m).clamp_min(TINY), dot(k, k).clamp_min(TINY), dot(b2, b2)
    length = torch.sqrt(bb)
    scale = torch.rsqrt(mm * kk)
    g1 = (length / mm).unsqueeze(1) * m
    g3 = (length / kk).unsqueeze(1) * k
    g2 = -(dot(b1, b2) / bb).unsqueeze(1) * g1 - (dot(b3, b2) / bb).unsqueeze(1) * g3
    return Dihedral(dot(m, k) * scale, length * dot(b1, k) * scale, (g1, g2, g3))


def torsion_terms(
    torsions: Tensor, b1: Tensor, b2: Tensor, b3: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """E = sum_m A_m cos(m phi) + B_m sin(m phi) by the addition theorem, and dE/d(b1, b2, b3)."""
    phi = dihedral(b1, b2, b3)
    cos_m, sin_m = phi.cosine, phi.sine
    A, B = torsions[:, 0], torsions[:, 1]
    energy = A[:, :1] + A[:, 1:2] * cos_m + B[:, 1:2] * sin_m
    slope = B[:, 1:2] * cos_m - A[:, 1:2] * sin_m
    for m in range(2, torsions.shape[2]):
        cos_m, sin_m = (
            cos_m * phi.cosine - sin_m * phi.sine,
            sin_m * phi.cosine + cos_m * phi.sine,
        )
        energy = energy + A[:, m : m + 1] * cos_m + B[:, m : m + 1] * sin_m
        slope = slope + m * (B[:, m : m + 1] * cos_m - A[:, m : m + 1] * sin_m)
    g1, g2, g3 = phi.gradients
    slope = slope.unsqueeze(1)
    return energy.sum(0), (slope * g1, slope * g2, slope * g3)


def map_terms(
    index: Tensor, tables: Tensor, first: Dihedral, second: Dihedral
) -> tuple[Tensor, Tensor, Tensor]:
    """E(phi, psi) by bicubic interpolation on a periodic table, dE/dphi and dE/dpsi [rows, n]."""
    size = round(tables.shape[1] ** 0.5)
    step = 2 * torch.pi / size
    cells, fractions = [], []
    for angle in (first, second):
        turns = torch.remainder(torch.atan2(angle.sine, angle.cosine) / step, size)
        cell = turns.floor().clamp(max=size - 1)
        cells.append(cell.to(torch.int64))
        fractions.append(turns - cell)
    t, u = fractions
    patch = index.unsqueeze(1) * (size * size) + cells[0] * size + cells[1]
    c = tables.reshape(-1, 4, 4)[patch]  # [rows, n, 4, 4], power of t then of u
    t_powers = torch.stack([torch.ones_like(t), t, t * t, t * t * t], -1)
    u_powers = torch.stack([torch.ones_like(u), u, u * u, u * u * u], -1)
    t_slopes = torch.stack([torch.zeros_like(t), torch.ones_like(t), 2 * t, 3 * t * t], -1)
    u_slopes = torch.stack([torch.zeros_like(u), torch.ones_like(u), 2 * u, 3 * u * u], -1)
    along_u = (c * u_powers.unsqueeze(-2)).sum(-1)
    energy = (along_u * t_powers).sum(-1)
    d_first = (along_u * t_slopes).sum(-1) / step
    d_second = ((c * u_slopes.unsqueeze(-2)).sum(-1) * t_powers).sum(-1) / step
    return energy.sum(0), d_first, d_second


def bonded_energies_and_forces(terms: Bonded, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Energies by name, [n], and the forces [N, 3, n] of all bonded terms at x [N, 3, n]."""
    counts = [len(terms.bonds), len(terms.angles), len(terms.torsions), len(terms.map_index)]
    atoms, _, n = x.shape
    vectors = (terms.incidence @ x.reshape(atoms, 3 * n)).reshape(-1, 3, n)
    rows = vectors.split([c * k for c, k in zip(counts, (1, 2, 3, 6), strict=True)])
    energies: dict[str, Tensor] = {}
    gradients: list[Tensor] = []
    if counts[0]:
        energies["bonds"], du = bond_terms(terms.bonds, rows[0])
        gradients.append(du)
    if counts[1]:
        energies["angles"], *parts = angle_terms(terms.angles, *rows[1].chunk(2))
        gradients.extend(parts)
    if counts[2]:
        energies["torsions"], slopes = torsion_terms(terms.torsions, *rows[2].chunk(3))
        gradients.extend(slopes)
    if counts[3]:
        b = rows[3].chunk(6)
        first, second = dihedral(*b[:3]), dihedral(*b[3:])
        energies["cmap"], d_first, d_second = map_terms(
            terms.map_index, terms.map_tables, first, second
        )
        gradients.extend(d_first.unsqueeze(1) * g for g in first.gradients)
        gradients.extend(d_second.unsqueeze(1) * g for g in second.gradients)
    if not gradients:
        return energies, torch.zeros_like(x)
    g = torch.cat(gradients).reshape(-1, 3 * n)
    return energies, -(terms.incidence.mT @ g).reshape(atoms, 3, n)


def nonbonded_energy_and_forces(terms: Nonbonded, x: Tensor) -> tuple[Tensor, Tensor]:
    """Coulomb plus Lennard-Jones over all pairs: energy [n] and forces [N, 3, n] at x [N, 3, n]."""
    eye = torch.eye(x.shape[0], dtype=x.dtype, device=x.device).unsqueeze(-1)
    d = x.unsqueeze(1) - x.unsqueeze(0)
    r_inverse = torch.rsqrt((d * d).sum(2) + eye)
    inverse_2 = r_inverse * r_inverse
    inverse_6 = inverse_2 * inverse_2 * inverse_2
    coulomb = terms.coulomb.unsqueeze(-1) * r_inverse
    repulsion = terms.repulsion.unsqueeze(-1) * inverse_6 * inverse_6
    dispersion = terms.dispersion.unsqueeze(-1) * inverse_6
    pull = (coulomb + 12 * repulsion - 6 * dispersion) * inverse_2
    energy = 0.5 * (coulomb + repulsion - dispersion).sum((0, 1))
    return energy, (pull.unsqueeze(2) * d).sum(1)
