r"""Whether a score knows how well it denoises: its error against the error that it implies.

The target of denoising, c = grad log q(x_t | x_0), is the score s* plus what is left to chance, so

    E |s - c|^2 = E |c|^2 - E |s|^2    where s = s*,

the error of a denoiser that is as sure as it ought to be. Both sides are taken relative to E |c|^2
(of a Gaussian kernel D / s^2): the left is the loss of denoising score matching (Vincent 2011), the
right the share of the noise that the score does not claim to see. They differ by 2 E <s, s - c>: a
score too long is too sure, by

    bias = E <s, s - c> / (E |s|^2 E |s - c|^2)^(1/2)

of what is left to chance, a correlation whose square is what another length would gain of the loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from molgen.core.diagnostics.finding import (
    SURE,
    Estimate,
    Finding,
    Number,
    Plot,
    Scale,
    line_of,
    percent,
    positive,
)
from molgen.core.diagnostics.subject import Effort, Noised, Subject, Tell, noised_levels, scores

_SCALE = Scale("largest bias of the length, of what is left to chance", 0.05, 0.2)
_SEEN = 1e-3
"""Bias below which nobody would care."""

_CERTAIN = 1e-6
"""Share of the noise that is taken for all seen: rounding of the score leaves about that."""


@dataclass(frozen=True)
class Denoised:
    """How one field was denoised at one level of noise.

    Attributes:
        error: E |s - c|^2 / E |c|^2, the share of the noise that was not seen.
        implied: what the length of the score implies for it.
        bias: of the length, relative to what is left to chance; above 0, too sure.
    """

    error: Estimate
    implied: Estimate
    bias: Estimate


def denoising(subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell) -> Finding:
    """Error and implied error against noise, field by field."""
    found: dict[str, list[Denoised]] = {name: [] for name in subject.processes}
    noises = []
    for level in noised_levels(subject, effort.levels, effort.draws, generator, tell):
        noises.append(level.noise)
        for name, one in calibration(subject, level).items():
            found[name].append(one)
    bias, field, noise = _largest(noises, found)
    size = abs(bias.value) if abs(bias.value) > max(SURE * bias.error, _SEEN) else 0.0
    whose = f" of '{field}'" if len(found) > 1 else ""
    verdict = (
        f"It {'over' if bias.value > 0 else 'under'}states how well it denoises{whose}, by "
        f"{percent(size)} of what is left to chance at noise/signal {noise:.2g}."
        if size
        else "It knows how well it denoises, at every noise to within the error of measuring it."
    )

    def named(what: str, name: str) -> str:
        return what if len(found) == 1 else f"{what}, {name}"

    shares = [
        positive(
            line_of(named(what, name), noises, [getattr(one, what) for one in levels]), _CERTAIN
        )
        for name, levels in found.items()
        for what in ("error", "implied")
    ]
    biases = [
        line_of(named("bias", name), noises, [one.bias for one in levels])
        for name, levels in found.items()
    ]
    at_draws = " Here at the model's own draws: whether it agrees with itself."
    return Finding(
        "Denoising and its calibration",
        "How much of the noise the score does not see, E|s − c|² relative to E|c|² with c the "
        "score of the noise itself (the loss of denoising score matching, Vincent 2011), beside "
        "what the length of the score implies, 1 − E|s|²/E|c|². The two agree for the true score."
        + ("" if subject.held_out else at_draws),
        verdict,
        _SCALE.mood(size),
        str(_SCALE),
        numbers=(
            Number(
                "largest miscalibration",
                bias.value,
                bias.error,
                "bias of the score's length relative to what is left to chance, where it is "
                "largest; above 0: too sure",
                "0; below 0.05 either way: its square is the part of the loss that another "
                "length would gain",
            ),
        ),
        plots=(
            Plot(
                "Share of the noise that is not seen",
                "noise / signal",
                "of E|c|²",
                tuple(shares),
                log_y=True,
                note="1 at small noise where data fill space; it falls as the data are told "
                "from the noise.",
            ),
            Plot(
                "Bias of the score's length",
                "noise / signal",
                "of what is left to chance",
                tuple(biases),
                note="0 is calibrated; above, the score is too long: too sure.",
            ),
        ),
    )


def calibration(subject: Subject, level: Noised) -> dict[str, Denoised]:
    """Error, implied error and bias of every field at one level."""
    score = scores(subject.model, level.batch, level.t)
    found = {}
    for name, process in subject.processes.items():
        rows, inner = level.batch.rows[name], process.manifold.inner
        dim = process.manifold.dim(level.batch.state[name], rows).clamp_min(1)
        unit = (level.scale[name].square() / dim).double()
        s, c = score[name], level.target[name]
        error = unit * inner(s - c, s - c, rows).double()
        claimed = unit * inner(s, s, rows).double()
        # |c|^2 - |s|^2 less the error: chance that both sides have in common is out of it
        product = unit * inner(s, s - c, rows).double()
        size = (claimed.mean() * error.mean().clamp_min(_CERTAIN)).sqrt().clamp_min(1e-12)
        found[name] = Denoised(
            level.mean(error), level.mean(error - 2 * product), level.mean(product / size)
        )
    return found


def _largest(noises: list[float], found: dict[str, list[Denoised]]) -> tuple[Estimate, str, float]:
    """The largest bias either way less its error, and of which field and noise it is."""
    every = [
        (one.bias, name, noise)
        for name, levels in found.items()
        for noise, one in zip(noises, levels, strict=True)
    ]
    return max(every, key=lambda entry: abs(entry[0].value) - entry[0].error)
