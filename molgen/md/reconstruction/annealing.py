r"""From one density to another along a path of Langevin steps, with exact weights.

    H_l(x) = (1 - l) H_0(x) + l u_l(x),    l from 0 to 1 over the steps,    all in kT

One step changes l, moves by B(dt/2) A(dt) B(dt/2) and renews velocities by O(dt). With the work

    W = sum of  H_l'(x) - H_l(x)  (protocol)  +  change of H_l + K in B A B  (shadow)

E[exp(-W)] is Z_1 / Z_0, and draws weighted by exp(-W) are of exp(-H_1), exactly, whatever the
timestep: its error is in the shadow work. Jarzynski 1997; Neal 2001; Nilmeier et al. 2011; Sivak,
Chodera & Crooks 2013.

Atoms that were placed into one another have energies of no use: far above what is usual, u_l grows
with the logarithm of the target u only, above a level that rises to infinity,

    u_l = u_0 + c log(1 + (u - u_0) / c)   where u > u_0,    c = softness / (1 - l),    u_1 = u
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from molgen.core.random import Random, copies, normal, uniform
from molgen.core.steering.particles import flat, log_mean, systematic
from molgen.md.task import as_batch

Energy = Callable[[Tensor], tuple[Tensor, Tensor]]
"""kT `[n]` and forces, kT/nm, of float32 positions `[n, atoms, dims]` nm."""

Seen = tuple[Tensor, Tensor, Tensor, Tensor]
"""H_0, its forces, u and its forces."""

LOST = -1e5
"""Log weight of a path that ended in numbers that are none: zero."""


@dataclass(frozen=True)
class Annealing:
    """How a path is followed.

    Attributes:
        steps: of it; 0 is a single jump, which weighs and does not move.
        tries: starting points of each draw, of which one is chosen by weight.
        chosen_at: l at which it is.
        softness: kT; see above.
        timestep_ps: dt.
        friction_per_ps: of the O part.
        hydrogen_mass_amu: the weights do not depend on masses, heavy ones allow longer steps.
        beads_move: whether the beads do, under the model's energy; held, they cost nothing.
    """

    steps: int = 1000
    tries: int = 10
    chosen_at: float = 0.1
    softness: float = 100.0
    timestep_ps: float = 0.003
    friction_per_ps: float = 1.0
    hydrogen_mass_amu: float = 10.0
    beads_move: bool = False

    def changed(self, *, steps: int | None = None, tries: int | None = None) -> Annealing:
        """These, but for what is given."""
        return replace(
            self,
            steps=self.steps if steps is None else steps,
            tries=self.tries if tries is None else tries,
        )


@dataclass(frozen=True)
class Annealed:
    """Ends of paths.

    Attributes:
        x: `[n, atoms, dims]` float64 nm.
        log_weights: `[n]` float64: log of Z_1 / Z_0 is that of their mean.
        shadow: `[n]`, kT: how much of the work is the timestep's.
        lost: `[n]`, whether the path came to no end; its weight is zero.
    """

    x: Tensor
    log_weights: Tensor
    shadow: Tensor
    lost: Tensor


@dataclass(frozen=True)
class Path:
    """Energies between two densities.

    Attributes:
        start: H_0.
        target: u.
        usual: u_0, kT, an energy that is usual of the target.
        softness: kT.
    """

    start: Energy
    target: Energy
    usual: float
    softness: float

    def look(self, x: Tensor) -> Seen:
        """What there is at `x`."""
        x = x.float()
        (first, first_forces), (last, last_forces) = self.start(x), self.target(x)
        return first.double(), first_forces, last.double(), last_forces

    def at(self, share: float, seen: Seen) -> tuple[Tensor, Tensor]:
        """H_l `[n]` and its forces, for l = `share`, of what `look` saw."""
        first, first_forces, last, last_forces = seen
        if share < 1:
            level = self.softness / (1 - share)
            above = (last - self.usual).clamp_min(0) / level
            last = torch.where(above > 0, self.usual + level * torch.log1p(above), last)
            last_forces = last_forces / (1 + above).to(last_forces)[:, None, None]
        energy = (1 - share) * first + share * last
        return energy, (1 - share) * first_forces + share * last_forces


def anneal(
    path: Path,
    starts: Callable[[Random, int], Tensor],
    masses: Tensor,
    kT: float,
    how: Annealing,
    generator: Random,
) -> Annealed:
    """Draws of exp(-H_0), moved along a path, with weights that make them draws of exp(-u).

    Args:
        path: the energies.
        starts: of a generator and a number of copies, `[n * copies, atoms, dims]` nm: draws of
            exp(-H_0), those of the same draw one after the other.
        masses: `[atoms]` amu; infinite ones do not move.
        kT: kJ/mol.
        how: options.
        generator: of all random numbers.
    """
    x = starts(copies(generator, how.tries) if how.tries > 1 else generator, how.tries)
    n, begun_at = len(x) // how.tries, 0.0
    seen = path.look(x)
    work = x.new_zeros(n)
    if how.tries > 1:
        begun_at = how.chosen_at
        log_w = path.at(0.0, seen)[0] - path.at(begun_at, seen)[0]
        log_w = log_w.nan_to_num(LOST, LOST, LOST).reshape(n, how.tries)
        picked = flat(systematic(log_w, uniform(n, generator), 1), how.tries)
        work, x = -log_mean(log_w), x[picked]
        a, b, c, d = (part[picked] for part in seen)
        seen = a, b, c, d
    first, shadow = x, x.new_zeros(n)
    energy, forces = path.at(begun_at, seen)
    mass = masses.float()[:, None]
    kick = 0.5 * how.timestep_ps * kT / mass
    keep = math.exp(-how.friction_per_ps * how.timestep_ps)
    spread = (kT / mass).sqrt()
    half = torch.where(torch.isfinite(mass), 0.5 * mass / kT, 0.0)
    rows = as_batch(x).rows["pos"]
    v = spread * normal(forces, rows, generator)
    for k in range(how.steps):
        share = begun_at + (1 - begun_at) * (k + 1) / how.steps
        changed, forces = path.at(share, seen)
        work = work + changed - energy
        before = (half * v.square()).sum((1, 2)).double()
        v = v + kick * forces
        x = x + how.timestep_ps * v.double()
        seen = path.look(x)
        energy, forces = path.at(share, seen)
        v = v + kick * forces
        shadow = shadow + energy - changed + (half * v.square()).sum((1, 2)).double() - before
        v = keep * v + math.sqrt(1 - keep * keep) * spread * normal(v, rows, generator)
    if how.steps == 0:
        work = work + path.at(1.0, seen)[0] - energy
    log_weights = -(work + shadow)
    lost = ~(torch.isfinite(log_weights) & torch.isfinite(x).flatten(1).all(1))
    return Annealed(
        torch.where(lost[:, None, None], first, x),
        torch.where(lost, LOST, log_weights),
        torch.where(lost, 0.0, shadow),
        lost,
    )
