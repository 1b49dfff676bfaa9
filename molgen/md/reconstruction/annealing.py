r"""From one density to another along a path of Langevin steps, with exact weights.

One step changes l of `Path`, moves by B(dt/2) A(dt) B(dt/2) and renews velocities by O(dt). With

    W = sum of  H_l'(x) - H_l(x)  (protocol)  +  change of H_l + K in B A B  (shadow)

E[exp(-W)] is Z_1 / Z_0, and draws weighted by exp(-W) are of exp(-H_1), exactly, whatever the
timestep: its error is in the shadow work. Jarzynski 1997; Neal 2001; Nilmeier et al. 2011; Sivak,
Chodera & Crooks 2013. Several paths of one draw are weighed against one another on their way, and
where few of them count, copied and dropped by weight (Del Moral et al. 2006); one is kept in the
end, with the mean weight of all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from molgen.core.random import Random, copies, normal, uniform
from molgen.core.steering.particles import effective, flat, log_mean, systematic
from molgen.errors import UsageError
from molgen.md.models.batch import as_batch
from molgen.md.reconstruction.path import Path

LOST = -1e5
"""Log weight of a path that ended in numbers that are none: zero."""


@dataclass(frozen=True)
class Annealing:
    """How a path is followed.

    Attributes:
        steps: of it; 0 is a single jump, which weighs and does not move.
        paths: of each draw.
        tries: starting points of each path, of which one is chosen by weight.
        chosen_at: l at which it is.
        weighed_every: steps after which the paths of a draw are weighed against one another.
        softness: kT; see `Path`.
        timestep_ps: dt.
        friction_per_ps: of the O part.
        hydrogen_mass_amu: the weights do not depend on masses, heavy ones allow longer steps.
        beads_move: whether the beads do, under the model's energy; held, they cost nothing.
    """

    steps: int = 1000
    paths: int = 4
    tries: int = 20
    chosen_at: float = 0.2
    weighed_every: int = 10
    softness: float = 100.0
    timestep_ps: float = 0.003
    friction_per_ps: float = 1.0
    hydrogen_mass_amu: float = 10.0
    beads_move: bool = False

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            UsageError: one is out of its range.
        """
        if self.steps < 0 or min(self.paths, self.tries, self.weighed_every) < 1:
            raise UsageError("annealing: steps must be 0 or more; paths, tries and so on 1 or more")
        if not 0 <= self.chosen_at < 1:
            raise UsageError(f"annealing: chosen_at {self.chosen_at:g} must be from 0 to below 1")
        if min(self.timestep_ps, self.softness, self.hydrogen_mass_amu) <= 0:
            raise UsageError("annealing: timestep, softness and mass must be positive")

    def changed(self, **changes: int | None) -> Annealing:
        """These, but for what is given and is not None."""
        return replace(self, **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Annealed:
    """Ends of paths, one a draw.

    Attributes:
        x: `[n, atoms, dims]` float64 nm.
        log_weights: `[n]` float64: log of Z_1 / Z_0 is that of their mean.
        shadow: `[n]`, kT: how much of the work is the timestep's.
        lost: `[n]`, whether no path came to an end; the weight is zero.
    """

    x: Tensor
    log_weights: Tensor
    shadow: Tensor
    lost: Tensor


@dataclass(frozen=True)
class _Walkers:
    """Where paths are: all tensors `[walkers, ...]`.

    Attributes:
        x: positions.
        v: velocities.
        work: W so far.
        shadow: that of it.
        first: positions they came from, finite.
        seen: what `Path.look` saw, in four parts.
    """

    x: Tensor
    v: Tensor
    work: Tensor
    shadow: Tensor
    first: Tensor
    h: Tensor
    h_forces: Tensor
    u: Tensor
    u_forces: Tensor

    def take(self, index: Tensor) -> _Walkers:
        """Some of them, int64 `[k]`."""
        return _Walkers(*(getattr(self, field.name)[index] for field in fields(self)))

    @property
    def seen(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `Path` has it."""
        return self.h, self.h_forces, self.u, self.u_forces


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
    many = copies(generator, how.paths) if how.paths > 1 else generator
    mass = masses.float()[:, None]
    spread = (kT / mass).sqrt()
    walkers, share = _begin(path, starts, how, many)
    rows = as_batch(walkers.x).rows["pos"]
    n = len(walkers.x) // how.paths
    walkers = replace(walkers, v=spread * normal(walkers.v, rows, many))
    half = torch.where(torch.isfinite(mass), 0.5 * mass / kT, 0.0)
    keep = math.exp(-how.friction_per_ps * how.timestep_ps)
    kick, renewed = 0.5 * how.timestep_ps * kT / mass, math.sqrt(1 - keep * keep) * spread
    for k in range(how.steps):
        energy, _ = path.at(share, walkers.seen)
        share += (1 - share) / (how.steps - k)
        changed, forces = path.at(share, walkers.seen)
        before = (half * walkers.v.square()).sum((1, 2)).double()
        v = walkers.v + kick * forces
        x = walkers.x + how.timestep_ps * v.double()
        seen = path.look(x)
        after, forces = path.at(share, seen)
        v = v + kick * forces
        shadow = after - changed + (half * v.square()).sum((1, 2)).double() - before
        v = keep * v + renewed * normal(v, rows, many)
        work = walkers.work + (changed - energy) + shadow
        walkers = _Walkers(x, v, work, walkers.shadow + shadow, walkers.first, *seen)
        if how.paths > 1 and (k + 1) % how.weighed_every == 0 and k + 1 < how.steps:
            walkers = _weighed(walkers, n, uniform(n, generator))
    if how.steps == 0:
        jump = path.at(1.0, walkers.seen)[0] - path.at(share, walkers.seen)[0]
        walkers = replace(walkers, work=walkers.work + jump)
    log_w = _log_weights(walkers, n)
    if how.paths > 1:
        picked = flat(systematic(log_w, uniform(n, generator), 1), how.paths)
        walkers = walkers.take(picked.to(log_w.device))
    log_weights = log_mean(log_w)
    lost = log_weights <= LOST
    return Annealed(
        torch.where(lost[:, None, None], walkers.first, walkers.x),
        log_weights,
        torch.where(lost, 0.0, walkers.shadow),
        lost,
    )


def _begin(
    path: Path, starts: Callable[[Random, int], Tensor], how: Annealing, many: Random
) -> tuple[_Walkers, float]:
    """Starting points, chosen among tries, and l there."""
    x = starts(copies(many, how.tries) if how.tries > 1 else many, how.paths * how.tries)
    n, seen, nothing = len(x) // how.tries, path.look(x), x.new_zeros(len(x))
    walkers = _Walkers(x, torch.zeros_like(seen[1]), nothing, nothing, x, *seen)
    if how.tries == 1:
        return walkers, 0.0
    work = path.at(how.chosen_at, seen)[0] - path.at(0.0, seen)[0]
    log_w = _log_weights(replace(walkers, work=work), n)
    picked = flat(systematic(log_w, uniform(n, many), 1), how.tries)
    return replace(walkers.take(picked.to(x.device)), work=-log_mean(log_w)), how.chosen_at


def _log_weights(walkers: _Walkers, n: int) -> Tensor:
    """Of the walkers of each draw, `[n, paths]`."""
    lost = ~(torch.isfinite(walkers.work) & torch.isfinite(walkers.x).flatten(1).all(1))
    return torch.where(lost, LOST, -walkers.work).reshape(n, -1).clamp_min(LOST)


def _weighed(walkers: _Walkers, n: int, u: Tensor) -> _Walkers:
    """Where less than half of a draw's paths count, copies of them by weight, of one weight."""
    log_w = _log_weights(walkers, n)
    paths = log_w.shape[1]
    few = effective(log_w) < 0.5 * paths
    same = torch.arange(paths, device=log_w.device).expand(n, -1)
    index = torch.where(few[:, None], systematic(log_w, u.to(log_w), paths), same)
    work = torch.where(few[:, None], log_mean(log_w)[:, None], log_w)
    return replace(walkers.take(flat(index, paths)), work=-work.flatten())
