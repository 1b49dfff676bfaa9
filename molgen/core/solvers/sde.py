"""Solvers of the reverse SDE: every step takes noise out and puts a little back.

The last step of a walk adds no noise. With `ends=False` the last time is not where the walk ends.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Process, Processes
from molgen.core.random import Random
from molgen.core.solvers.steps import Score, Step, estimate, finite, steps


def euler_maruyama(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random,
    *,
    noise: float = 1.0,
    temperature: float = 1.0,
    ends: bool = True,
) -> Batch:
    """Euler-Maruyama steps of dx = [f - (1 + noise^2)/2 g^2 s] dt + noise sqrt(T) g dW, backwards.

    `noise = 1` is the reverse SDE, `noise = 0` the probability-flow ODE (Song et al. 2021, eqs. 6
    and 13). Weak order 1. The last step adds no noise. At a temperature T below 1 less noise is put
    back than the drift takes out, and draws crowd where the density is large; at 0 none is, which
    is how SigmaDock draws poses (Prat et al. 2025).
    """
    for step in steps(times, batch, ends=ends):
        scores = finite(score(batch, step.t), step)
        batch = _reverse_step(
            processes, scores, batch, step, noise, generator, math.sqrt(temperature)
        )
    return batch


def ancestral(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random,
    *,
    noise: float = 1.0,
    temperature: float = 1.0,
    ends: bool = True,
) -> Batch:
    """Draws of q(x_s | x_t, D), D the denoised estimate: the noise is replaced bit by bit.

        x_s = m_s D + m_s sqrt(r_s^2 - n^2) eps + m_s n z

    with r = s/m, n that of `renewal` and eps the noise that D leaves in x_t (Ho et al. 2020;
    `noise` is the eta of Song et al. 2021b, eq. 12, where 0 is the ODE). Exact while D stays as it
    is, so it bears long steps; weak order 1. The last step adds no noise. `temperature` is that of
    `euler_maruyama`.
    """
    hot = math.sqrt(temperature)
    for step in steps(times, batch, ends=ends):
        eps = estimate(processes, score, batch, step.t, step)
        new = {}
        for name, process in processes.items():
            rows = batch.rows[name]
            along, fresh = renewal(process, step, noise)
            v = rows.spread(along, eps[name]) * eps[name]
            x = process.scaled(batch.state[name], step.t, step.s, rows)
            if noise and not step.last:
                z = process.manifold.noise(x, rows, generator)
                v = v + rows.spread(hot * fresh, z) * z
            new[name] = process.manifold.exp(x, v, rows)
        batch = batch.replace(**new)
    return batch


def renewal(process: Process, step: Step, noise: float = 1.0) -> tuple[Tensor, Tensor]:
    """How far an ancestral step goes along eps, and the size of the noise it adds: `[graphs]`.

        n = min(noise r_s sqrt(1 - r_s^2 / r_t^2), r_s),    r = s/m

    In short steps x follows dx = [f - (1 + noise^2)/2 g^2 score] dt + noise g dW, backwards, whose
    marginals are those of the process whatever the noise is, if the score is right. Where it is
    not, noise above 1 is Langevin dynamics beside the way down, which forgets what went wrong.
    """
    m = process.signal(step.s)
    before, after = process.noise(step.t) / process.signal(step.t), process.noise(step.s) / m
    fresh = noise * after * torch.sqrt(1 - (after / before).square())
    fresh = torch.minimum(fresh, after)
    return m * (torch.sqrt(after.square() - fresh.square()) - before), m * fresh


def s4(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random,
    *,
    signal_to_noise: float = 0.16,
    ends: bool = True,
) -> Batch:
    """Symmetric splitting, one score evaluation a step. Jo et al. 2022, algorithm 1.

    A Langevin correction, half a step of drift and diffusion run backwards (an exact Gaussian
    kernel), the whole step of the score, the other half; all with the one score at (x_t, t). The
    last step adds no noise.
    """
    for step in steps(times, batch, ends=ends):
        scores = finite(score(batch, step.t), step)
        if not step.last:
            batch = langevin_correction(
                processes, scores, batch, step.t, signal_to_noise, generator
            )
        middle = 0.5 * (step.t + step.s)
        new = {}
        for name, process in processes.items():
            x, rows, manifold = batch.state[name], batch.rows[name], process.manifold
            push = process.diffusion(step.t).square() * (step.t - step.s)
            for start, stop in ((step.t, middle), (middle, step.s)):
                x = process.scaled(x, start, stop, rows)
                if not step.last:
                    z = manifold.noise(x, rows, generator)
                    x = manifold.exp(x, rows.spread(_added(process, start, stop), z) * z, rows)
                if stop is middle:
                    v = rows.spread(push, scores[name]) * scores[name]
                    x = manifold.exp(x, v, rows)
            new[name] = x
        batch = batch.replace(**new)
    return batch


def _added(process: Process, t: Tensor, s: Tensor) -> Tensor:
    """Standard deviation that diffusion adds from t back to s: m_s sqrt(r_t^2 - r_s^2), r = s/m."""
    r_t, r_s = process.noise(t) / process.signal(t), process.noise(s) / process.signal(s)
    return process.signal(s) * torch.sqrt(r_t.square() - r_s.square())


def predictor_corrector(
    processes: Processes,
    score: Score,
    batch: Batch,
    times: Tensor,
    generator: Random,
    *,
    corrections: int = 1,
    signal_to_noise: float = 0.16,
    ends: bool = True,
) -> Batch:
    """A reverse-SDE predictor, then Langevin corrections. Song et al. 2021, algorithms 2-5.

    The last step is not corrected: correcting would put back the noise it took out.
    """
    for step in steps(times, batch, ends=ends):
        scores = finite(score(batch, step.t), step)
        batch = _reverse_step(processes, scores, batch, step, 1.0, generator)
        for _ in range(0 if step.last else corrections):
            scores = finite(score(batch, step.s), step)
            batch = langevin_correction(
                processes, scores, batch, step.s, signal_to_noise, generator
            )
    return batch


def _reverse_step(
    processes: Processes,
    scores: dict[str, Tensor],
    batch: Batch,
    step: Step,
    noise: float,
    generator: Random,
    hot: float = 1.0,
) -> Batch:
    new = {}
    for name, process in processes.items():
        x, rows, score = batch.state[name], batch.rows[name], scores[name]
        g2 = process.diffusion(step.t).square()
        reverse = rows.spread(0.5 * (1 + noise**2) * g2, score) * score
        drift = process.drift(x, step.t, rows)
        v = (reverse - drift) * rows.spread(step.t - step.s, score)
        if noise and not step.last:
            spread = hot * noise * torch.sqrt(g2 * (step.t - step.s))
            v = v + rows.spread(spread, score) * process.manifold.noise(x, rows, generator)
        new[name] = process.manifold.exp(x, v, rows)
    return batch.replace(**new)


def langevin_correction(
    processes: Processes,
    scores: dict[str, Tensor],
    batch: Batch,
    t: Tensor,
    signal_to_noise: float,
    generator: Random,
) -> Batch:
    """One Langevin step x <- exp(x, h s + sqrt(2 h) z) with h = 2 (snr s(t))^2.

    Song et al. take |z| / |s| over the batch where s(t) stands here. A step that depends on the
    batch couples samples, and one that depends on the point itself does not leave the density
    invariant (in 12 dimensions it adds a third to the variance of a Gaussian); the noise level is
    the same scale without either fault.
    """
    new = {}
    for name, process in processes.items():
        x, rows, manifold = batch.state[name], batch.rows[name], process.manifold
        z = manifold.noise(x, rows, generator)
        h = rows.spread(2 * (signal_to_noise * process.noise(t)).square(), z)
        new[name] = manifold.exp(x, h * scores[name] + (2 * h).sqrt() * z, rows)
    return batch.replace(**new)
