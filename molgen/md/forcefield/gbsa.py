r"""Generalised-Born solvation (OBC) with the ACE surface term, as a function of pair distances.

Onufriev, Bashford & Case 2004 (doi 10.1002/prot.20033); the descreening integral is that of
Hawkins, Cramer & Truhlar 1996 and the surface term that of Schaefer, Bartels & Karplus 1998, as
OpenMM's `GBSAOBCForce` and `app.internal.customgbforces` write them.

| symbol | meaning |
|---|---|
| rho_i | offset radius, nm: intrinsic radius minus 0.009 nm |
| s_j | descreening radius, nm: scale times offset radius |
| I_i | sum over j of the descreening integral, 1/nm |
| B_i | Born radius, nm: 1/(1/rho - tanh(a psi - b psi^2 + c psi^3)/radius), psi = I rho |
| f_ij | sqrt(r^2 + B_i B_j exp(-r^2 / 4 B_i B_j)), nm; f_ii = B_i |

E = -1/2 C sum_ij q_i q_j / f_ij + sum_i S (radius_i + 0.14)^2 (radius_i / B_i)^6
"""

from dataclasses import dataclass

import torch
from torch import Tensor

PROBE_RADIUS_NM = 0.14


@dataclass(frozen=True)
class GBSA:
    """Parameters of the solvation term for a molecule of N atoms.

    Attributes:
        charge_products: [N, N], kJ nm/mol: -C q_i q_j with C = (1/eps_solute - 1/eps_solvent) k_e.
        radius: [N, 1], nm, intrinsic.
        offset_radius: [N, 1], nm (rho).
        descreening: [N, N], nm: s_j, zero where i == j (an atom does not descreen itself).
        surface: [N, 1], kJ/mol: S (radius + probe)^2, S being 4 pi times the surface tension.
        shape: [3]: the a, b, c of the tanh.
        engulfed: [], bool: the integral has the extra term for an atom inside another (see
            `descreening_integral`).
    """

    charge_products: Tensor
    radius: Tensor
    offset_radius: Tensor
    descreening: Tensor
    surface: Tensor
    shape: Tensor
    engulfed: bool


def descreening_integral(
    r: Tensor, rho: Tensor, s: Tensor, engulfed: bool
) -> tuple[Tensor, Tensor]:
    """The integral I(r) of an atom of radius `rho` descreened by one of radius `s`, and I'(r)/r.

    With U = r + s and L = max(rho, |r - s|),
    I = (1/L - 1/U + (r - s^2/r)(1/U^2 - 1/L^2)/4 + log(L/U)/(2r)) / 2; raising U to rho makes it
    vanish where the sphere s lies inside rho. An atom wholly inside another (rho < s - r) gets
    1/rho - 1/(s - r) more in OpenMM's `GBSAOBCForce`, but not in its `CustomGBForce` models. In
    I'(r) what comes through L and U cancels, except for such an atom without that term.

    Args:
        r: distances, nm, any shape.
        rho: offset radius of the descreened atom, nm.
        s: descreening radius of the other, nm.
        engulfed: with the term for an atom inside another.

    Returns:
        I, 1/nm, and I'(r)/r, 1/nm^3.
    """
    L = torch.maximum(rho, (r - s).abs())
    U = torch.maximum(rho, r + s)
    depth = torch.maximum(rho, s - r)
    LU, r_depth = L * U, r * depth
    inverse = 1 / (LU * r_depth)  # the only division: it costs as much as ten products
    inverse_LU, inverse_r_depth = inverse * r_depth, inverse * LU
    inverse_L, inverse_U = inverse_LU * U, inverse_LU * L
    inverse_r, inverse_depth = inverse_r_depth * depth, inverse_r_depth * r
    log_term = 0.25 * inverse_r * torch.log(L * inverse_U)
    squares = 0.125 * (inverse_U - inverse_L) * (inverse_U + inverse_L)
    ratio = s * inverse_r
    ratio = ratio * ratio
    integral = 0.5 * (inverse_L - inverse_U) + log_term + r * (1 - ratio) * squares
    slope = (1 + ratio) * squares - inverse_r * log_term
    if engulfed:
        integral = integral + (1 / rho - inverse_depth)
    else:
        slope = slope + torch.where(depth > rho, inverse_depth * inverse_depth, 0)
    return integral, slope * inverse_r


def born_radii(gb: GBSA, integral: Tensor) -> tuple[Tensor, Tensor]:
    """Born radii B and dB/dI from the summed descreening integrals.

    Args:
        gb: parameters.
        integral: [N, n], 1/nm.

    Returns:
        B, [N, n], nm; dB/dI, [N, n], nm^2.
    """
    a, b, c = gb.shape.unbind()
    psi = integral * gb.offset_radius
    t = torch.tanh(psi * (a + psi * (-b + psi * c)))
    B = 1 / (1 / gb.offset_radius - t / gb.radius)
    slope = (1 - t * t) * (a + psi * (-2 * b + psi * 3 * c)) * gb.offset_radius / gb.radius
    return B, B * B * slope


def gb_pairs(gb: GBSA, r_square: Tensor, diagonal: Tensor) -> tuple[Tensor, Tensor]:
    """Solvation energy and what it pulls on every pair, -2 dE/d(r_ij^2).

    Three passes over the pairs: the integrals, hence B; the energies and dE/dB; the chain rule
    dE/dI = dE/dB dB/dI, whose pair terms are those of both directions.

    Args:
        gb: parameters.
        r_square: [N, N, n], nm^2, zero on the diagonal (which gives the self energies).
        diagonal: [N, N, 1], the unit matrix.

    Returns:
        energy [n], kJ/mol; pull [N, N, n], kJ/mol/nm^2, symmetric: the force on atom i is
        sum_j pull_ij (x_i - x_j).
    """
    # The diagonal stands at r = 1 nm with s = 0, where the integral vanishes.
    pair_integral, slope = descreening_integral(
        torch.sqrt(r_square + diagonal),
        gb.offset_radius.unsqueeze(-1),
        gb.descreening.unsqueeze(-1),
        gb.engulfed,
    )
    B, B_slope = born_radii(gb, pair_integral.sum(1))
    B_inverse = 1 / B

    BB = B.unsqueeze(1) * B.unsqueeze(0)
    damping = torch.exp(-0.25 * r_square * (B_inverse.unsqueeze(1) * B_inverse.unsqueeze(0)))
    f_inverse = torch.rsqrt(r_square + BB * damping)
    pair_energy = gb.charge_products.unsqueeze(-1) * f_inverse
    pull = pair_energy * f_inverse * f_inverse
    damped = pull * damping
    dE_dB = -0.5 * (damped * (B.unsqueeze(0) + 0.25 * r_square * B_inverse.unsqueeze(1))).sum(1)
    surface = gb.surface * (gb.radius * B_inverse) ** 6
    dE_dI = (dE_dB - 6 * surface * B_inverse) * B_slope

    energy = 0.5 * pair_energy.sum((0, 1)) + surface.sum(0)
    through_B = dE_dI.unsqueeze(1) * slope + dE_dI.unsqueeze(0) * slope.transpose(0, 1)
    return energy, pull - 0.25 * damped - through_B
