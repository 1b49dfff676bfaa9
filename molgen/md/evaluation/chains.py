"""The simulation of an evaluation: chains from a model's own samples, plain or tempered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from molgen.md.dynamics.chains import Dynamics, run_chains
from molgen.md.dynamics.replica_exchange import level_ladder
from molgen.md.dynamics.tempering import run_tempered
from molgen.md.evaluation.options import EvaluateTable
from molgen.md.potentials import Potential

Progress = Callable[[str, int, int], None]

STRAIN = 50.0
"""kT above the median energy beyond which a sample is no start: a chain would explode at once."""


@dataclass(frozen=True)
class Simulated:
    """Frames of a simulation at equilibrium, and how they were made.

    Attributes:
        positions: `[frames, chains, beads, dims]` nm.
        groups: independent groups that the chains fall into, of as many consecutive ones each;
            chains of one group traded temperatures.
        chain_steps: integration steps of all chains, equilibration included.
        facts: for provenance.
    """

    positions: Tensor
    groups: int
    chain_steps: int
    facts: dict[str, Any]


def simulate_from(
    potential: Potential,
    dynamics: Dynamics,
    samples: Tensor,
    table: EvaluateTable,
    *,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Simulated:
    """Chains of a simulation, each started from one of the samples.

    A sample whose energy is `STRAIN` kT above the median is no start; how many were passed over is
    told.

    Args:
        potential: the model's forces.
        dynamics: how to move under them.
        samples: `[n, beads, dims]` nm, in random order.
        table: chains, lengths, and how many frames in all.
        generator: source of randomness, on the device of `samples`.
        progress: told (what, done, total).

    Raises:
        UsageError: the ladder does not ascend from 1.
        MolgenError: a chain exploded.
    """
    ladder = level_ladder(dynamics.kT, table.ladder, table.lowest if len(table.ladder) > 1 else 1)
    tempered = len(table.ladder) > 1
    groups = -(-table.chains // ladder.chains[0])
    wanted, chains = groups * ladder.chains[0], groups * ladder.group_size
    frames = -(-table.samples // wanted)
    stride = max(1, round(table.time_ps / frames / dynamics.timestep_ps))
    rounds = max(1, round(stride / table.exchange_every))
    exchange_every = 2 * max(1, round(stride / rounds / 2))
    if tempered:
        stride = rounds * exchange_every
    stride_ps = stride * dynamics.timestep_ps
    dropped = round(table.equilibration_ps / stride_ps)
    energies = torch.cat([potential.energy(x) for x in samples.split(10_000)])
    calm = (energies < energies.median() + STRAIN * dynamics.kT).nonzero()[:, 0]
    start = samples[calm[torch.arange(chains, device=samples.device) % len(calm)]]
    common: dict[str, Any] = {
        "time_ps": (dropped + frames) * stride_ps,
        "stride_ps": stride_ps,
        "generator": generator,
        "compiled": table.compile,
        "progress": progress,
    }
    exchanges: dict[str, Any] = {}
    if tempered:
        x, exchanges = run_tempered(
            potential, start, dynamics, ladder, exchange_every=exchange_every, **common
        )
        exchanges = {"ladder": list(table.ladder), "groups": groups, **exchanges}
    else:
        x = run_chains(potential, start, dynamics, **common)
    facts = {
        "chains": wanted,
        "samples too strained to start from": len(samples) - len(calm),
        "frames of each": frames,
        "time_ps": frames * stride_ps,
        "equilibration_ps": dropped * stride_ps,
        "timestep_ps": dynamics.timestep_ps,
        "stride_ps": stride_ps,
        "friction_per_ps": dynamics.friction_per_ps,
        **({"tempering": exchanges} if tempered else {}),
    }
    return Simulated(x[dropped:], groups, chains * (dropped + frames) * stride, facts)
