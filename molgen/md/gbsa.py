r"""Generalised-Born solvation (OBC) with the ACE surface term: energy and analytic forces, batched.

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
        descreening: [N, N, 1], nm: s_j, zero where i == j (an atom does not descreen itself).
        surface: [N, 1], kJ/mol: S (radius + probe)^2, S being 4 pi times the surface tension.
        shape: [3]: the a, b, c of the tanh.
        engulfed: [], one if the integral has OpenMM's extra term for an atom that lies wholly
            inside another (`GBSAOBCForce` has it, the `CustomGBForce` family has not).
    """

    charge_products: Tensor
    radius: Tensor
    offset_radius: Tensor
    descreening: Tensor
    surface: Tensor
    shape: Tensor
    engulfed: Tensor


def descreening_integral(
    r: Tensor, r_inverse: Tensor, rho: Tensor, s: Tensor, engulfed: Tensor
) -> tuple[Tensor, Tensor]:
    """The integral I(r) of an atom of radius `rho` descreened by one of radius `s`, and dI/dr.

    With U = r + s and L = max(rho, |r - s|),
    I = (1/L - 1/U + (r - s^2/r)(1/U^2 - 1/L^2)/4 + log(L/U)/(2r)) / 2. Raising U to rho makes it
    vanish where the sphere s lies inside rho. The terms of dI/dr through L and U cancel, but for an
    engulfed atom (rho < s - r) without the extra term 1/rho - 1/(s - r).

    Args:
        r: distances, nm, any shape.
        r_inverse: 1/r.
        rho: offset radius of the descreened atom, nm.
        s: descreening radius of the other, nm.
        engulfed: see `GBSA`.

    Returns:
        I in 1/nm and dI/dr in 1/nm^2, of the shape of `r`.
    """
    L_inverse = 1 / torch.maximum(rho, (r - s).abs())
    U_inverse = 1 / torch.maximum(rho, r + s)
    log_ratio = torch.log(U_inverse / L_inverse)
    square_difference = U_inverse * U_inverse - L_inverse * L_inverse
    s_over_r = s * r_inverse
    integral = 0.5 * (L_inverse - U_inverse) + 0.25 * r_inverse * log_ratio
    integral = integral + 0.125 * r * (1 - s_over_r * s_over_r) * square_difference
    slope = 0.125 * (1 + s_over_r * s_over_r) * square_difference
    slope = slope - 0.25 * r_inverse * r_inverse * log_ratio
    depth_inverse = 1 / torch.maximum(rho, s - r)
    integral = integral + engulfed * (1 / rho - depth_inverse)
    inside = (s - r > rho).to(r.dtype)
    slope = slope + (1 - engulfed) * inside * depth_inverse * depth_inverse
    return integral, slope


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


def gb_energy_and_forces(gb: GBSA, x: Tensor) -> tuple[Tensor, Tensor]:
    """Solvation energy and its forces in three passes over the pairs.

    Pass 1 sums the integrals I_i and their own gradients, pass 2 the pair energies, their direct
    forces and dE/dB, pass 3 the pull of every other atom's Born radius on this atom.

    Args:
        gb: parameters.
        x: [N, 3, n], nm.

    Returns:
        energy [n], kJ/mol; forces [N, 3, n], kJ/mol/nm.
    """
    atoms = x.shape[0]
    eye = torch.eye(atoms, dtype=x.dtype, device=x.device).unsqueeze(-1)
    d = x.unsqueeze(1) - x.unsqueeze(0)  # [i, j, 3, n], from j to i
    r_square = (d * d).sum(2)
    r_inverse = torch.rsqrt(r_square + eye)  # the diagonal is at r = 1, where I_ii = 0
    r = (r_square + eye) * r_inverse

    rho = gb.offset_radius.unsqueeze(-1)
    I_pair, slope = descreening_integral(r, r_inverse, rho, gb.descreening, gb.engulfed)
    B, B_slope = born_radii(gb, I_pair.sum(1))
    own_gradient = ((slope * r_inverse).unsqueeze(2) * d).sum(1)  # sum_j dI_ij/dx_i

    BB = B.unsqueeze(1) * B.unsqueeze(0)
    damping = torch.exp(-0.25 * r_square / BB)
    f_inverse = torch.rsqrt(r_square + BB * damping)
    pair_energy = gb.charge_products.unsqueeze(-1) * f_inverse
    pull = pair_energy * f_inverse * f_inverse
    direct = ((pull * (1 - 0.25 * damping)).unsqueeze(2) * d).sum(1)
    dE_dB = -0.5 * (pull * damping * (B.unsqueeze(0) + 0.25 * r_square / B.unsqueeze(1))).sum(1)
    surface = gb.surface * (gb.radius / B) ** 6
    dE_dI = (dE_dB - 6 * surface / B) * B_slope

    s_mine = gb.descreening.transpose(0, 1)
    _, slope_other = descreening_integral(r, r_inverse, rho.transpose(0, 1), s_mine, gb.engulfed)
    others = ((dE_dI.unsqueeze(0) * slope_other * r_inverse).unsqueeze(2) * d).sum(1)

    energy = 0.5 * pair_energy.sum((0, 1)) + surface.sum(0)
    return energy, direct - dE_dI.unsqueeze(1) * own_gradient - others
