r"""How many directions data fill around a point, as the score tells at a scale of noise.

    FLIPD = D + sum_fields s^2 (div s + |s|^2)

at the point itself, carried to time t by the drift (Kamkari et al. 2024, eq. 7), is the rate at
which log q falls as the noise grows: of data that fill d directions on the scale of the noise, and
are thinner than it in the others, d. No noised data lie at a clean point where the noise is large;
what the score does not see of the noise, sum_fields s^2 E|s - c|^2 with c the score of the noise,
does not leave them and is d as well (Yeats et al. 2025).
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.diagnostics.finding import Estimate, Finding, Line, Number, Plot, line_of
from molgen.core.diagnostics.spectrum import spectrum
from molgen.core.diagnostics.subject import (
    Effort,
    Noised,
    Subject,
    Tell,
    noise_levels,
    noised_levels,
    scores,
)
from molgen.core.jacobian import along, divergences, probes

_EXACT = 16
_PROBES = 6
_POINTS = 24
_SPECTRA = 3
"""Noise levels at which the spectrum of scores is taken, from the least up."""


def dimension(subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell) -> Finding:
    """Local dimension against noise, by the divergence and by the spectrum of scores."""
    whole, unseen = subject.dim, []
    for level in noised_levels(subject, effort.levels, min(effort.draws, 256), generator, _quiet):
        unseen.append(level.mean(not_seen(subject, level)))
    levels = noise_levels(subject.processes, effort.levels)
    clean = subject.repeated(min(effort.points, subject.clean.graphs, _POINTS))
    chosen = levels[: min(_SPECTRA, effort.levels // 2)]
    found, spectra = [], []
    for k, (_, time) in enumerate(levels):
        tell(k, len(levels) + len(chosen))
        found.append(Estimate.of(local_dimension(subject, clean, time, generator)))
    for k, (_, time) in enumerate(chosen):
        tell(len(levels) + k, len(levels) + len(chosen))
        spectra.append(spectrum(subject, time, generator))
    tell(1, 1)
    noises = [noise for noise, _ in levels]
    counted = [Estimate.of(torch.tensor(s.dimensions, dtype=torch.float64)) for s in spectra]
    least = found[0]
    return Finding(
        "Local intrinsic dimension",
        "How many directions data fill on the scale of the noise: by the divergence of the score "
        "at clean points, D + s² (div s + |s|²) (FLIPD, Kamkari et al. 2024), and by the largest "
        "gap in the singular values of scores round a point (Stanczuk et al. 2024), and by what of "
        "the noise the score does not see (Yeats et al. 2025). Those at clean points need a score "
        "that is a gradient (Horvat & Pfister 2024), and at large noise are asked where no noised "
        "data are.",
        f"Around a point, data fill {_rounded(least.value)} of {whole:.3g} directions at the least "
        f"noise, and {_middle(noises, unseen)}.",
        "plain",
        numbers=(
            Number(
                "dimension at the least noise",
                least.value,
                least.error,
                "FLIPD at the smallest noise, mean over points",
                f"between 0 (separate points, such as categories) and {whole:.3g} (a density "
                "without gaps); outside, the score is wrong there",
            ),
            Number(
                "by the spectrum of scores",
                counted[0].value,
                counted[0].error,
                "directions below the largest gap in the singular values, at the smallest noise; "
                f"the gap is {spectra[0].gap:.2g} of what a direction across the data has",
                "that of FLIPD, where the gap is above 0.3",
            ),
        ),
        plots=(
            Plot(
                "Directions that data fill",
                "noise / signal",
                "local dimension",
                (
                    line_of("noise not seen", noises, unseen),
                    line_of("divergence (FLIPD)", noises, found),
                    line_of("spectrum", noises[: len(counted)], counted),
                ),
                note="Steps are scales of structure; 0 once the noise is wider than all data.",
            ),
            Plot(
                "Spectrum of scores round a point",
                "direction",
                "s × singular value",
                tuple(
                    Line(
                        f"noise/signal {noise:.2g}",
                        [float(i + 1) for i in range(len(one.values))],
                        one.values,
                    )
                    for (noise, _), one in zip(chosen, spectra, strict=True)
                ),
                log_x=False,
                note="Near 1: across the data; near 0: along them.",
            ),
        ),
    )


def local_dimension(
    subject: Subject, clean: Batch, time: float, generator: torch.Generator
) -> Tensor:
    """FLIPD of clean graphs at the noise of a time: `[graphs]`."""
    t = next(iter(clean.state.values())).new_full((clean.graphs,), time)
    processes = subject.processes
    carried = clean.replace(
        **{
            name: process.scaled(clean.state[name], 0 * t, t, clean.rows[name])
            for name, process in processes.items()
        }
    )
    dims = subject.dims(clean)
    score = scores(subject.model, carried, t)
    total = dims
    with torch.no_grad():
        for name, process in processes.items():
            square = process.manifold.inner(score[name], score[name], carried.rows[name])
            total = total + process.noise(t).square() * square
        if dims.max() <= _EXACT:
            found = divergences(subject.model, processes, carried, t)
            for name, process in processes.items():
                total = total + process.noise(t).square() * found[name]
            return total
        for _ in range(_PROBES):
            v = probes(processes, carried, generator)
            for name, slope in along(subject.model, processes, carried, t, v).items():
                total = total + processes[name].noise(t).square() * slope / _PROBES
    return total


def not_seen(subject: Subject, level: Noised) -> Tensor:
    """sum_fields D |s - c|^2 / E|c|^2 of noised graphs, c the score of the noise: `[graphs]`."""
    score = scores(subject.model, level.batch, level.t)
    total = torch.zeros_like(level.t)
    for name, process in subject.processes.items():
        error = score[name] - level.target[name]
        square = process.manifold.inner(error, error, level.batch.rows[name])
        total = total + level.scale[name].square() * square
    return total


def _quiet(done: int, total: int) -> None:
    del done, total


def _middle(noises: list[float], found: list[Estimate]) -> str:
    """What the dimension is near a tenth of the data's scale."""
    k = min(range(len(noises)), key=lambda i: abs(torch.tensor(noises[i]).log10().item() + 1))
    return f"{_rounded(found[k].value)} on the scale noise/signal {noises[k]:.2g}"


def _rounded(value: float) -> str:
    """To one decimal, without a minus before zero."""
    return f"{round(value, 1) + 0.0:.1f}"
