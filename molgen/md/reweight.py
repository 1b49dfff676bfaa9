"""`molgen reweight`: a model's draws against the energy of the system they are of.

Draws of the probability flow come with their log q, so that weights exp(-U / kT) / q make of them
the Boltzmann distribution itself, with errors that say whether there are draws enough, and a tail
that says whether even the errors can be trusted. Where a model sees some atoms only, the others can
be placed with a known density and annealed to the energy of all; see `molgen.md.reconstruction`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from molgen import checkpoint as checkpoints
from molgen.arrays import write_arrays
from molgen.core.batch import Batch
from molgen.core.models import EnergyModel
from molgen.core.random import uniform
from molgen.core.steering.particles import systematic
from molgen.errors import UsageError
from molgen.files import write_json
from molgen.likelihood import ERROR, LOG_Q, LikelihoodTable, unsure
from molgen.md.drawn import Progress, draw_in_parts
from molgen.md.ensembles import Sampled, Umbrella, free_energy_map, reweighted
from molgen.md.evaluation.ensemble import plane_of
from molgen.md.likelihood import AT_ONCE, FLOW, columns_of, dims_of, encode_scored, states_of
from molgen.md.models.statistics import Statistics
from molgen.md.output import prepare, write_trajectory
from molgen.md.reconstruction.all_atoms import all_atom_system, complete_in_parts
from molgen.md.reconstruction.annealing import Annealing
from molgen.md.system import System, load_system
from molgen.md.task import restore
from molgen.parts import parts_of
from molgen.run import provenance


@dataclass(frozen=True)
class ReweightResult:
    """Where it is, and what the JSON says."""

    output: Path
    said: dict[str, Any]


def reweight(
    checkpoint: str | Path,
    *,
    count: int,
    output: str | Path,
    table: LikelihoodTable | None = None,
    annealing: Annealing | None = None,
    frames: str | Path | None = None,
    trajectory: str | Path | None = None,
    unweighted: str | Path | None = None,
    umbrellas: Sequence[Umbrella] = (),
    bins: int = 40,
    batch_size: int = AT_ONCE,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> ReweightResult:
    """Draws with log q, energies and weights in an .npz, and what they say in a JSON beside it.

    | array | what |
    |---|---|
    | positions | `[n, atoms, dims]` nm |
    | log_q, energy_kT, weights | `[n]`; nats per nm^D, kT, and weights that sum to one |
    | log_weights | `[n]` of all atoms, whose log q is that of the beads they began with |
    | a name | `[n]`, the collective variable |
    | map | `[bins, bins]` kT, the free energy of the first two variables |

    Interrupted, the same call goes on where it stopped.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        count: draws.
        output: an .npz.
        table: how the flow is followed.
        annealing: all atoms of a model that sees some: how they are made the system's; None for a
            model of the whole system.
        frames: independent configurations of the system as well, such as a thinned simulation, as a
            trajectory; they count as samples of its Boltzmann distribution. Not of all atoms.
        trajectory: the configurations as a file of their own too, in the order of the weights.
        unweighted: as many configurations as are effective, drawn by weight, as a file.
        umbrellas: ensembles of which the free energy is wanted, by the first of them.
        bins: of the profiles and the map.
        batch_size: draws at a time; does not change them.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).

    Raises:
        UsageError: the model sees less than the whole system, a file cannot be used, an umbrella is
            of no variable, or another run has begun to write the output.
        MolgenError: a score or an energy is not finite, or the disk is full.
    """
    output = Path(output)
    if output.suffix != ".npz":
        raise UsageError(f"{output}: reweighted samples are written as .npz")
    started, found = provenance(), checkpoints.load(checkpoint)
    table = table or FLOW
    model, statistics = restore(found)
    if annealing is None:
        system = whole_system(found.recipe.name, statistics)
    elif frames is None:
        system = all_atom_system(found.recipe.name, statistics)
    else:
        raise UsageError(
            "frames of a simulation cannot be joined with annealed ones: leave one out"
        )
    files = [None if f is None else prepare(Path(f), system.dims) for f in (trajectory, unweighted)]
    for one in umbrellas:
        if one.variable not in system.collective_variables:
            known = ", ".join(system.collective_variables)
            raise UsageError(f"umbrella: {system.name} has no variable '{one.variable}' ({known})")
    plane = plane_of(system)
    model = model.to(device)
    said: dict[str, Any] = {
        "system": system.name,
        "weights": found.fingerprint,
        "samples": count,
        **table.model_dump(),
        **({} if annealing is None else {"annealing": asdict(annealing)}),
        "batch_size": batch_size,
        "seed": seed,
        "device": device,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with parts_of(output, {"kind": "reweighting", **said}) as parts:
        drawn = draw_in_parts(
            parts,
            model,
            statistics,
            count,
            table=table,
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=progress,
        )
        own: dict[str, NDArray[Any]] = {}
        about: dict[str, Any] = {}
        if annealing is None:
            states, log_q = [drawn.states], [drawn.scores[LOG_Q]]
            if frames is not None:
                more = states_of(Path(frames), statistics)
                log_q.append(
                    _encoded(
                        model, statistics, more, table, batch_size, count, seed, device, progress
                    )
                )
                states.append(more.state["pos"].numpy())
            x = statistics.restore(torch.from_numpy(np.concatenate(states))).numpy()
            sampled = Sampled(x, np.concatenate(log_q), energies(system, x), count)
            own = {"log_q": sampled.log_q}
        else:
            made = complete_in_parts(
                parts,
                -(-count // batch_size),
                system,
                model,
                statistics,
                drawn,
                annealing,
                batch_size=batch_size,
                seed=seed,
                device=device,
                progress=progress,
            )
            x = made.x
            # of what is lost no energy counts, and one of 1e20 would drown the weight
            energy = np.where(made.lost, 0.0, energies(system, x))
            sampled = Sampled(x, -energy - made.log_weights, energy, count)
            own = {"log_q": drawn.scores[LOG_Q], "log_weights": made.log_weights}
            about = made.said
        answer = reweighted(system, sampled, bins=bins, umbrellas=umbrellas)
        arrays: dict[str, NDArray[Any]] = {
            "positions": sampled.x,
            **own,
            "energy_kT": sampled.energy,
            "weights": answer.weights,
            **answer.variables,
        }
        if len(plane.names) > 1:
            arrays["map"] = free_energy_map(plane, answer.variables, answer.weights, bins)
        write_arrays(output, arrays)
        chosen = [np.arange(len(x)), _by_weight(answer.weights, seed)]
        for file, frame in zip(files, chosen, strict=True):
            if file is not None:
                write_trajectory(file, x[frame], system.atoms)
    said = {
        **said,
        **about,
        "checkpoint": str(checkpoint),
        "frames": None if frames is None else {"file": Path(frames).name, "count": len(x) - count},
        "log_q_of": f"nats, per nm^{dims_of(statistics)}",
        "standard_error_of_log_q": float(np.sqrt((drawn.scores[ERROR] ** 2).mean())),
        "unsure": unsure(drawn.scores),
        "free_energies": "kT; intervals are of 95 %",
        **answer.said,
        "seconds_each": float(f"{drawn.seconds / count:.4g}"),
        "provenance": started,
    }
    write_json(output.with_suffix(".json"), said)
    return ReweightResult(output, said)


def whole_system(name: str, statistics: Statistics) -> System:
    """The system of a model that sees all of it.

    Raises:
        UsageError: it sees some beads only, whose energy nobody knows.
    """
    system = load_system(statistics.system)
    if statistics.mapping.atoms != list(range(len(system.atoms))):
        raise UsageError(
            f"{name}: the energy of {system.name} is of its {len(system.atoms)} atoms, that of "
            f"the model's {len(statistics.mapping)} beads ('{statistics.mapping.name}') is not "
            'known; ask for --all-atoms, or train a model with mapping = "all" in [data]'
        )
    return system


def energies(system: System, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """U / kT of configurations `[n, atoms, dims]` nm: `[n]`."""
    potential = system.potential(torch.float64, compile=False)
    found = [potential.energy(some.double()) for some in torch.from_numpy(x).split(AT_ONCE)]
    return (torch.cat(found) / system.kT).numpy()


def _by_weight(weights: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Numbers of as many configurations as are effective, drawn by weight."""
    count = max(1, int(1 / (weights**2).sum()))
    log_weights = torch.from_numpy(weights).log()[None]
    u = uniform(1, torch.Generator().manual_seed(seed))
    found: NDArray[np.int64] = systematic(log_weights, u, count)[0].numpy()
    return found


def _encoded(
    model: EnergyModel,
    statistics: Statistics,
    states: Batch,
    table: LikelihoodTable,
    batch_size: int,
    first: int,
    seed: int,
    device: str,
    progress: Progress | None,
) -> NDArray[np.float64]:
    """Log q of frames, whose numbers begin at `first`: `[n]`."""
    found = []
    for part in torch.arange(states.graphs).split(batch_size):
        scored = encode_scored(
            model,
            states.take(part).to(device),
            first + int(part[0]),
            table=table,
            noise=False,
            seed=seed,
        )
        found.append(columns_of(statistics, scored)[LOG_Q])
        if progress is not None:
            progress("log q of frames", int(part[-1]) + 1, states.graphs)
    return np.concatenate(found)
