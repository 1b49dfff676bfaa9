"""`molgen consistency`: do a model's energy, its ODE and its SDE speak of one distribution?

All three do if the score solves its Fokker-Planck equation; the residual of that stands beside what
it makes: the self-ESS of the energy against the flow (`molgen.core.likelihood.consistency`) and the
distance between draws of the flow and of the reverse SDE (`molgen.core.likelihood.gap`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molgen.arrays import Array, read_arrays, write_arrays
from molgen.core.batch import Batch
from molgen.core.likelihood.consistency import self_weights
from molgen.core.likelihood.gap import Cost, gap
from molgen.core.likelihood.weights import Weights
from molgen.core.losses.corruption import corrupt
from molgen.core.losses.fokker_planck import residual
from molgen.core.models import EnergyModel
from molgen.core.random import Streams
from molgen.core.solvers.levels import levels
from molgen.errors import UsageError
from molgen.files import write_json
from molgen.likelihood import LikelihoodTable, Progress
from molgen.parts import parts_of
from molgen.run import provenance
from molgen.sampler import SampleTable
from molgen.trained import Trained, load

SDE = SampleTable(solver="ancestral", steps=250)
"""The reverse SDE, in steps so short that what they leave out is below the floor."""

_DRAWS = "draws.npz"

_POINTS, _LEVELS = 200, 8
"""At which the residual is measured."""


@dataclass(frozen=True)
class Geometry:
    """How far apart draws of a pillar are.

    Attributes:
        points: of the end of a reverse process, `[n, *]`.
        cost: squared distances of points.
        unit: of the distance.
    """

    points: Callable[[Batch], Tensor]
    cost: Cost
    unit: str


def consistency(
    checkpoint: str | Path,
    *,
    output: str | Path,
    count: int = 1000,
    steps: int | None = None,
    probes: int | None = None,
    batch_size: int = 250,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    **context: Any,
) -> dict[str, Any]:
    """What the JSON says: of energy models all, of others the gap alone.

    Interrupted, the same call goes on where it stopped (see `molgen.parts`).

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder; of conformers or poses.
        output: a .json.
        count: draws of the flow, and of the SDE; the gap is between halves of them.
        steps: of the flow.
        probes: of its divergence; see `molgen.likelihood.LikelihoodTable`.
        batch_size: draws at a time; does not change them.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).
        **context: what a draw is given; see `molgen.trained.load`.

    Raises:
        UsageError: something given cannot be used, or draws of the model have no distance.
        MolgenError: a score is not finite, or the disk is full.
    """
    output = Path(output)
    if output.suffix != ".json" or count < 4:
        raise UsageError(f"{output}, {count} draws: give a .json, and 4 draws or more")
    started, trained = provenance(), load(checkpoint, **context)
    pillar = import_module(f"molgen.{trained.checkpoint.recipe.task}.likelihood")
    geometry: Geometry = pillar.geometry(trained)
    table: LikelihoodTable = pillar.FLOW.changed(steps=steps, probes=probes)
    model = trained.model.to(device)
    identity = {
        "kind": "consistency",
        "weights": trained.checkpoint.fingerprint,
        "context": {name: str(value) for name, value in context.items()},
        "draws": count,
        "batch_size": batch_size,
        "seed": seed,
        **table.model_dump(),
    }
    with parts_of(output, identity) as parts:
        made = []
        for number, first in enumerate(range(0, count, batch_size)):
            some = range(first, min(first + batch_size, count))
            if not parts.done(number):
                both = _Both(trained, model, table, geometry, seed, device, count)
                with parts.make(number) as folder:
                    write_arrays(folder / _DRAWS, both.draw(some))
            made.append(read_arrays(parts[number] / _DRAWS))
            if progress is not None:
                progress("drawing by ODE and SDE", some.stop, count)
        said = _conclusions(trained, model, geometry, made, seed, device)
        said |= {
            **table.model_dump(),
            "sde": SDE.model_dump(),
            "seed": seed,
            "checkpoint": str(checkpoint),
            "weights": trained.checkpoint.fingerprint,
            "seconds_each": {
                name: round(sum(float(one[f"seconds.{name}"]) for one in made) / count, 6)
                for name in ("flow", "sde")
            },
            "provenance": started,
        }
        write_json(output, said)
    return said


@dataclass(frozen=True)
class _Both:
    """Draws of the flow and of the SDE; the arguments are those of `consistency`."""

    trained: Trained
    model: Any
    table: LikelihoodTable
    geometry: Geometry
    seed: int
    device: str
    count: int

    def draw(self, numbers: range) -> dict[str, Array]:
        """Points of both, the seconds they took, ends of the flow, and energies' log weights."""
        first, some = numbers.start, len(numbers)
        shapes = self.trained.shapes(some, seed=self.seed, first=first).to(self.device)
        begun = time.perf_counter()
        streams = Streams.of(self.seed, first, some, self.device)
        found: dict[str, Tensor] = {}
        if isinstance(self.model, EnergyModel):
            drawn = self.table.draw(self.model, shapes, streams)
            time_end = float(self.table.times(self.model)[-1])
            found["log_weights"] = self_weights(self.model, drawn, time_end).log
            end = drawn.batch
        else:
            table = SampleTable(solver="heun", steps=2 * self.table.steps, grid=self.table.grid)
            end, _ = table.integrate(self.model, shapes, streams)
        middle = time.perf_counter()
        found |= {f"end.{name}": state for name, state in end.state.items()}
        found["flow"] = self.geometry.points(end)
        # other numbers, so that the SDE does not begin at the noise of the flow
        streams = Streams.of(self.seed, self.count + first, some, self.device)
        end, _ = SDE.integrate(self.model, shapes, streams)
        found["sde"] = self.geometry.points(end)
        arrays = {name: value.numpy(force=True) for name, value in found.items()}
        clock = {"flow": middle - begun, "sde": time.perf_counter() - middle}
        return arrays | {f"seconds.{name}": np.array(value) for name, value in clock.items()}


def _conclusions(
    trained: Trained,
    model: Any,
    geometry: Geometry,
    made: Sequence[Mapping[str, Array]],
    seed: int,
    device: str,
) -> dict[str, Any]:
    """What all the draws say."""

    def all_of(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([one[name] for one in made])).to(device)

    flow = all_of("flow")
    apart = gap(flow, all_of("sde"), geometry.cost)
    said: dict[str, Any] = {
        "draws": len(flow),
        "ode_sde_gap": {
            "w2": apart.between,
            "floor": apart.floor,
            "excess": apart.excess,
            "unit": geometry.unit,
            "points": apart.count,
            "assignment": "exact",
        },
    }
    if isinstance(model, EnergyModel):
        shapes = trained.shapes(len(made[0]["flow"]), seed=seed).to(device)
        ends = {n: torch.from_numpy(made[0][f"end.{n}"]).to(device) for n in shapes.state}
        generator = torch.Generator(device).manual_seed(seed)
        said["self"] = _self(Weights(all_of("log_weights")))
        said["fokker_planck"] = _residuals(model, shapes.replace(**ends), generator)
    return said


def _self(weights: Weights) -> dict[str, float | None]:
    """The certificate of the energy against the flow."""
    k = weights.tail.k
    return {
        "ess_share": weights.share,
        "log_normaliser": weights.log_normaliser,
        "standard_deviation": weights.log.std().item(),
        "pareto_k": k if math.isfinite(k) else None,
        "pareto_k_limit": weights.tail.limit,
    }


def _residuals(
    model: EnergyModel, draws: Batch, generator: torch.Generator
) -> list[dict[str, float]]:
    """Root mean square of the relative Fokker-Planck residual at draws that are noised again."""
    process = next(iter(model.processes.values()))
    device = next(iter(draws.state.values())).device
    draws = draws.take(torch.arange(min(draws.graphs, _POINTS), device=device))
    low, high = levels(process, (process.t_min, 1.0)).tolist()
    found = []
    for k in range(_LEVELS):
        noise = math.exp(low + (high - low) * k / (_LEVELS - 1))
        ratio = torch.tensor(noise, dtype=torch.float64)
        at = min(max(float(process.time_of(ratio)), process.t_min), 1.0)
        t = next(iter(draws.state.values())).new_full((draws.graphs,), at)
        noised = corrupt(model.processes, draws, t, generator)[0]
        with torch.no_grad():
            rms = residual(model, noised, t).double().square().mean().sqrt()
        found.append({"time": at, "noise_by_signal": noise, "rms": rms.item()})
    return found
