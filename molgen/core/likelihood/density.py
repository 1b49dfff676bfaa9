"""Exact log q of states, forward from data to noise, or with a draw from noise to data."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.likelihood.divergence import Directions
from molgen.core.likelihood.flow import Flow
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers import prior
from molgen.core.solvers.steps import Score
from molgen.errors import MolgenError


@dataclass(frozen=True)
class Density:
    """What the flow says of some states.

    Attributes:
        batch: where it ends: noise of states that were given, states of noise that was drawn.
        log_q: `[graphs]` float64, nats, of the states at the smallest time.
        error: `[graphs]`, its standard error from random probes; zero where it is exact.
        step_error: `[graphs]`, what the steps leave out, estimated from twice as long ones: large
            where the divergence changes within a step, as where a score has a kink.
    """

    batch: Batch
    log_q: Tensor
    error: Tensor
    step_error: Tensor


def encode(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    *,
    probes: int | None = None,
    generator: Random = None,
) -> Density:
    """Log q of states at the smallest time, and the noise that they come from.

        log q(x) = log prior(x_1) + int div dx/dt dt

    Song et al. 2021, eq. 39. States are points of the noised data: see `noised`.

    Args:
        processes: of all fields.
        score: of a model.
        batch: states at the smallest of the times.
        times: decreasing from 1, as solvers take them; the error falls with their fourth power.
        probes: random directions of the divergence, at least two; 0: all of them, exactly; None: as
            many as the size of the graphs asks for.
        generator: for the probes.

    Raises:
        UsageError: one probe.
        MolgenError: a score is not finite, or the times do not decrease from 1.
    """
    directions = Directions.of(processes, batch, probes, generator)
    flow, times = Flow(processes, score), _checked(times).flip(0)
    end, gain, *errors = _integrate(flow, batch, times.tolist(), directions)
    return Density(end, _prior_density(processes, end) + gain, *errors)


def draw(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    *,
    probes: int | None = None,
    generator: Random,
) -> Density:
    """A draw of the prior carried to the smallest time by the flow, and its log q.

    Args and errors as of `encode`, but `batch` only says the shapes and what is given.
    """
    noise = prior(processes, batch, generator)
    directions = Directions.of(processes, noise, probes, generator)
    start = _prior_density(processes, noise)
    flow, times = Flow(processes, score), _checked(times)
    end, gain, *errors = _integrate(flow, noise, times.tolist(), directions)
    return Density(end, start - gain, *errors)


def noised(processes: Processes, batch: Batch, generator: Random) -> Batch:
    """Clean data with the noise of the smallest time: what log q is a density of."""
    new = {}
    for name, process in processes.items():
        x = batch.state[name]
        t = x.new_full((batch.graphs,), process.t_min)
        new[name] = process.corrupt(x, t, batch.rows[name], generator).x_t
    return batch.replace(**new)


def _prior_density(processes: Processes, noise: Batch) -> Tensor:
    """Log of the prior's density: `[graphs]` float64."""
    one = next(iter(noise.state.values())).new_ones(noise.graphs, dtype=torch.float64)
    energies = [
        process.base_energy(noise.state[name], one, noise.rows[name])
        for name, process in processes.items()
    ]
    return -torch.stack(energies).sum(0)


def _integrate(
    flow: Flow, batch: Batch, times: list[float], directions: Directions
) -> tuple[Batch, Tensor, Tensor, Tensor]:
    """From the first time to the last: the end, how much log q falls, and the errors of that.

    The divergence is integrated by Simpson's rule from its values at both ends and in the middle of
    each step by the clock, between which the path takes two steps of fourth order.
    """
    clock = flow.clock(times)
    slopes, velocity = _traced(flow, batch, times[0], directions)
    ends, parts = [slopes], []
    fall = -flow.volume(batch, times[0])
    for (start, stop), (begin, end) in zip(
        itertools.pairwise(times), itertools.pairwise(clock), strict=True
    ):
        middle = flow.middle(start, stop)
        batch = flow.step(batch, start, middle, velocity)
        between, velocity = _traced(flow, batch, middle, directions)
        batch = flow.step(batch, middle, stop, velocity)
        slopes, velocity = _traced(flow, batch, stop, directions)
        parts.append((end - begin) / 6 * (ends[-1] + 4 * between + slopes))
        ends.append(slopes)
    left, error = directions.total(torch.stack(parts).sum(0))
    fall = left + fall + flow.volume(batch, times[-1])
    return batch, fall, error, _step_error(clock, ends, parts, directions)


def _step_error(
    clock: list[float], ends: list[Tensor], parts: list[Tensor], directions: Directions
) -> Tensor:
    """Richardson's estimate, a fifteenth of the difference to a parabola through pairs of steps."""
    total = torch.zeros_like(parts[0][0])
    for k in range(len(parts) % 2, len(parts), 2):
        one, two = clock[k + 1] - clock[k], clock[k + 2] - clock[k + 1]
        whole = (one + two) / 6
        parabola = whole * (
            (2 - two / one) * ends[k]
            + (one + two) ** 2 / (one * two) * ends[k + 1]
            + (2 - one / two) * ends[k + 2]
        )
        total = total + directions.total(parabola - parts[k] - parts[k + 1])[0].abs() / 15
    return total


def _traced(
    flow: Flow, batch: Batch, time: float, directions: Directions
) -> tuple[Tensor, dict[str, Tensor]]:
    """Slopes, in float64, and velocity, once both are seen to be finite."""
    slopes, velocity = flow.traced(batch, time, directions)
    for name, value in velocity.items():
        if not (torch.isfinite(value).all() and torch.isfinite(slopes).all()):
            raise MolgenError(
                f"likelihood, t = {time:.4g}: the score of field '{name}', or its divergence, is "
                "not finite; check the checkpoint and that the states are of its kind"
            )
    return slopes.double(), velocity


def _checked(times: Tensor) -> Tensor:
    if len(times) < 2 or times[0] != 1 or not (times.diff() < 0).all():
        raise MolgenError(f"likelihood: times must decrease from 1, not {times.tolist()[:3]}")
    return times
