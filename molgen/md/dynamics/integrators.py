"""Langevin dynamics of many chains at once, and the check that none of them explodes."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch._higher_order_ops.while_loop import while_loop

from molgen.core.compiled import compiled as compile_function
from molgen.errors import MolgenError
from molgen.md.potentials import Potential

Phase = tuple[Tensor, Tensor, Tensor, Tensor]
"""Positions, velocities, forces and energies: what a step changes."""

_TENSORS = ("positions", "velocities", "forces", "energies")


@dataclass(frozen=True)
class MDState:
    """Where all chains are.

    Attributes:
        positions: [chains, atoms, dims] nm, float64. A step moves an atom by a thousandth of its
            coordinate, so sums in float32 would lose half of the step's digits; the thermostat
            renews velocities and forces, which stay in the dtype of the potential.
        velocities: Like positions, nm/ps.
        forces: Like positions, kJ/mol/nm.
        energies: [chains] kJ/mol.
        step: Steps done so far.
    """

    positions: Tensor
    velocities: Tensor
    forces: Tensor
    energies: Tensor
    step: int = 0

    def __len__(self) -> int:
        return len(self.positions)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every field by its name, for a file; `from_arrays` gives exactly this state back."""
        fields = {name: getattr(self, name).cpu().numpy() for name in _TENSORS}
        return {**fields, "step": np.array(self.step)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], device: torch.device) -> "MDState":
        """The state whose `arrays` are among these."""
        tensors = {name: torch.from_numpy(arrays[name]).to(device) for name in _TENSORS}
        return cls(**tensors, step=int(arrays["step"]))

    def where(self, chosen: Tensor, other: "MDState") -> "MDState":
        """Chains of this state where `chosen` [chains] says so, else those of another."""
        masks = {1: chosen, 3: chosen[:, None, None]}
        mixed: dict[str, Any] = {}
        for name in _TENSORS:
            mine, theirs = getattr(self, name), getattr(other, name)
            mixed[name] = torch.where(masks[mine.ndim], mine, theirs)
        return replace(self, **mixed)


def langevin_init(
    potential: Potential,
    positions: Tensor,
    masses: Tensor,
    kT: Tensor | float,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> MDState:
    """Chains at given positions with Maxwell velocities.

    Args:
        potential: Energies and forces, called in `dtype`.
        positions: [chains, atoms, dims] nm; kept in float64.
        masses: [atoms] amu.
        kT: kJ/mol, one number or one a chain.
        generator: Random numbers, on the device of `positions`.
        dtype: Of velocities and forces.
    """
    positions = positions.to(torch.float64)
    x = positions.to(dtype)
    velocities = maxwell(x, masses, kT, generator)
    energies, forces = potential.energy_and_forces(x)
    return MDState(positions, velocities, forces, energies)


def maxwell(like: Tensor, masses: Tensor, kT: Tensor | float, generator: torch.Generator) -> Tensor:
    """Velocities of thermal equilibrium, [chains, atoms, dims] nm/ps like `like`.

    masses: [atoms] amu; kT: kJ/mol, one number or one a chain.
    """
    noise = torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)
    return noise * (_per_chain(kT, like) / masses.to(like)[:, None]).sqrt()


def _per_chain(kT: Tensor | float, like: Tensor) -> Tensor:
    """KT as [chains or 1, 1, 1]."""
    return torch.as_tensor(kT, dtype=like.dtype, device=like.device).reshape(-1, 1, 1)


class BAOAB:
    """Langevin integrator B(dt/2) A(dt/2) O(dt) A(dt/2) B(dt/2). Leimkuhler & Matthews 2013.

    B: v += dt/2 F/m,  A: x += dt/2 v,  O: v = c v + sqrt((1 - c^2) kT/m) xi, where
    c = exp(-friction dt).
    Positions of a harmonic well are sampled without any timestep error. The configurational
    distribution does not depend on the masses: heavier hydrogens allow longer steps.

    Args:
        potential: Energies and forces.
        masses: [atoms] amu.
        timestep_ps: dt.
        friction_per_ps: Friction of the O part.
        block: Steps of one call of the inner function, whose noise is drawn at once.
        compiled: Compile a step together with the potential, and the loop over a block of them.
    """

    def __init__(
        self,
        potential: Potential,
        masses: Tensor,
        timestep_ps: float,
        friction_per_ps: float,
        block: int = 10,
        compiled: bool = False,
    ) -> None:
        self.potential = potential
        self.masses = masses
        self.timestep_ps = timestep_ps
        self.friction_per_ps = friction_per_ps
        self.block = block
        self._block: Callable[..., Phase] = self._plain_block
        if compiled:
            # On a CPU, the calls between the kernels of a few chains cost as much as the kernels
            # themselves: in C++ they cost little.
            options = {"cpp_wrapper": True} if masses.device.type == "cpu" else None
            self._fused = compile_function(
                self._loop, "the integrator", options, plain=self._plain_block
            )
            self._block = self._fused_block

    def _step(
        self, phase: Phase, xi: Tensor, kick: Tensor, spread: Tensor, with_energy: bool = True
    ) -> Phase:
        """One step with its noise xi; the arguments are those of `_plain_block`."""
        x, v, forces, energies = phase
        v = v + kick * forces
        middle = math.exp(-self.friction_per_ps * self.timestep_ps) * v + spread * xi
        x = x + 0.5 * self.timestep_ps * (v + middle)
        if with_energy:
            energies, forces = self.potential.energy_and_forces(x.to(v.dtype))
        else:
            forces = self.potential.forces(x.to(v.dtype))
        return x, middle + kick * forces, forces, energies

    def _plain_block(
        self, phase: Phase, noise: Tensor, count: Tensor, kick: Tensor, spread: Tensor
    ) -> Phase:
        """`count` steps, one after another.

        phase: x [n, atoms, dims] float64, v and forces like it in float32, energies [n];
        noise: [count or more, n, atoms, dims]; kick: dt/2m [atoms, 1];
        spread: sqrt((1-c^2) kT/m) [n or 1, atoms, 1].
        """
        steps = int(count)
        for k, xi in enumerate(noise[:steps], start=1):
            phase = self._step(phase, xi, kick, spread, with_energy=k == steps)
        return phase

    def _loop(
        self, phase: Phase, noise: Tensor, count: Tensor, kick: Tensor, spread: Tensor
    ) -> Phase:
        """As `_plain_block`, with a loop that stays one: a program of a single step."""

        def more(k: Tensor, *phase: Tensor) -> Tensor:
            return k < count

        def step(k: Tensor, *phase: Tensor) -> tuple[Tensor, ...]:
            x, v, forces, energies = phase
            xi = noise.index_select(0, k.reshape(1))[0]
            x, v, forces, new = self._step((x, v, forces, energies), xi, kick, spread)
            return k + 1, x, v, forces, new.to(energies.dtype)

        x, v, forces, energies = phase
        begin = (torch.zeros_like(count), x, v, forces, energies.to(v.dtype))
        _, x, v, forces, energies = while_loop(more, step, begin)
        return x, v, forces, energies

    def _fused_block(
        self, phase: Phase, noise: Tensor, count: Tensor, kick: Tensor, spread: Tensor
    ) -> Phase:
        """As `_plain_block`, compiled: noise is filled up, as each shape would be a new program."""
        missing = self.block - len(noise)
        if missing:
            noise = torch.cat([noise, noise.new_zeros(missing, *noise.shape[1:])])
        return self._fused(phase, noise, count, kick, spread)

    def advance(
        self, state: MDState, steps: int, kT: Tensor | float, generator: torch.Generator
    ) -> MDState:
        """The state `steps` steps later. No check is made: see `run` and `check_chains`.

        kT: kJ/mol, one number or one a chain; generator: on the device of the state.
        """
        v = state.velocities
        masses = self.masses.to(v)[:, None]
        keep = math.exp(-self.friction_per_ps * self.timestep_ps)
        spread = ((1 - keep * keep) * _per_chain(kT, v) / masses).sqrt()
        kick = 0.5 * self.timestep_ps / masses
        phase = state.positions, v, state.forces, state.energies
        left = steps
        while left > 0:
            count = min(self.block, left)
            shape = (count, *v.shape)
            noise = torch.randn(shape, dtype=v.dtype, device=v.device, generator=generator)
            made = torch.tensor(count, device=v.device)
            phase = self._block(phase, noise, made, kick, spread)
            left -= count
        return MDState(*phase, step=state.step + steps)


def kinetic_energies(state: MDState, masses: Tensor) -> Tensor:
    """Sum of m v^2/2 of each chain, [chains] kJ/mol."""
    v = state.velocities
    return 0.5 * (masses.to(v)[:, None] * v.square()).sum((1, 2))


def check_chains(
    state: MDState,
    masses: Tensor,
    kT: Tensor | float,
    timestep_ps: float,
    name: Callable[[int], str] = "chain {}".format,
) -> None:
    """Stop if a chain exploded: a non-finite number, or an impossible kinetic energy.

    With D velocity components, 2K/kT is chi-squared with D degrees of freedom, and
    P(2K/kT > D + 2 sqrt(D s) + 2 s) < exp(-s) (Laurent & Massart 2000); here s = 60.
    `name` is what the user calls the chain of a number.

    Raises:
        MolgenError: naming the chain, the step and the time.
    """
    kinetic = kinetic_energies(state, masses)
    D, s = state.velocities[0].numel(), 60.0
    limit = (0.5 * D + math.sqrt(D * s) + s) * _per_chain(kT, kinetic).flatten()
    finite = torch.isfinite(kinetic) & torch.isfinite(state.energies)
    finite &= torch.isfinite(state.positions).flatten(1).all(1)
    bad = ~finite | (kinetic > limit)
    if not bad.any():
        return
    chain = int(bad.nonzero()[0])
    others = f" (and {int(bad.sum()) - 1} more chains)" if int(bad.sum()) > 1 else ""
    found = f"{float(kinetic[chain]):.3g}" if finite[chain] else "not finite"
    raise MolgenError(
        f"{name(chain)}{others} blew up by step {state.step} "
        f"({state.step * timestep_ps:.6g} ps): kinetic energy {found}, "
        f"limit {float(limit.expand(len(state))[chain]):.3g} kJ/mol; "
        "use a shorter timestep or a relaxed start"
    )


def centred(state: MDState) -> MDState:
    """The state with every chain's mean position at the origin, where float32 is finest.

    For systems that nothing holds in place only.
    """
    x = state.positions
    return replace(state, positions=x - x.mean(1, keepdim=True))


def run(
    integrator: BAOAB,
    state: MDState,
    kT: Tensor | float,
    frames: int,
    stride: int,
    generator: torch.Generator,
    recentre: bool = False,
) -> Iterator[MDState]:
    """States every `stride` steps, `frames` of them; every chain is checked at each.

    recentre: subtract the centre of each chain at each frame (systems that nothing holds).

    Raises:
        MolgenError: a chain exploded; the chain, the step and the time are named.
    """
    for _ in range(frames):
        state = integrator.advance(state, stride, kT, generator)
        check_chains(state, integrator.masses, kT, integrator.timestep_ps)
        if recentre:
            state = centred(state)
        yield state
