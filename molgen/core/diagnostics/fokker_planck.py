r"""Whether log q of an energy model changes in time as the noise would have it.

The residual of `molgen.core.losses.fokker_planck` at noised points, relative to the Laplacian of
log q: with the divergence in full, and its weak form, from two independent one-probe estimates
whose product is unbiased (Plainer et al. 2025, section 3.3).
"""

from __future__ import annotations

import torch

from molgen.core.batch import Batch
from molgen.core.diagnostics.finding import (
    Estimate,
    Finding,
    Line,
    Number,
    Plot,
    Scale,
    line_of,
    percent,
    positive,
    worst,
)
from molgen.core.diagnostics.subject import Effort, Noised, Subject, Tell, noised_levels
from molgen.core.losses.fokker_planck import residual, weak_residuals
from molgen.core.models import EnergyModel

_SCALE = Scale("largest rms residual, of the Laplacian", 0.05, 0.2)
_TITLE = "Fokker-Planck equation"
_FRAME = 64
"""Directions of a graph up to which the divergence is exact."""


def fokker_planck(
    subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell
) -> Finding:
    """Residual and weak form against noise; of models of log q."""
    model = subject.energy
    if model is None:
        return Finding(
            _TITLE,
            "d log q / dt against what the score says it is.",
            "Not measured: the model has a score but no log q; see the score's own equation.",
        )
    noises, strong, weak = [], [], []
    for level in noised_levels(subject, effort.levels, effort.points, generator, tell):
        noises.append(level.noise)
        strong.append(strong_residual(model, subject, level, generator))
        with torch.no_grad():
            first, second = weak_residuals(model, level.batch, level.t, generator=generator)
        weak.append(level.mean(first.double() * second.double()).root())
    k = worst(strong)
    obeys = "obeys" if strong[k].value <= _SCALE.fair else "does not obey"
    lines = (line_of("residual", noises, strong), line_of("weak form", noises, weak))
    return Finding(
        _TITLE,
        "d log q / dt less g²/2 (div s + |s|²) − ⟨f, s⟩ − div f, which vanishes for the density of "
        "noised data (Lai et al. 2023; Plainer et al. 2025, eq. 8): root mean square at noised "
        "points, relative to g² D / s², the Laplacian of log q. The weak form is the product of "
        "two independent estimates with one probe each.",
        f"log q {obeys} the Fokker-Planck equation: {percent(strong[k].value)} of its Laplacian is "
        f"left at most, at noise/signal {noises[k]:.2g}.",
        _SCALE.mood(strong[k].value),
        str(_SCALE),
        numbers=(
            Number(
                "largest residual",
                strong[k].value,
                strong[k].error,
                "largest rms residual of any noise level; 1 is as large as the Laplacian itself",
                "below 0.05; above 0.2, log q at different noises does not compare",
            ),
            Number(
                "at the least noise",
                strong[0].value,
                strong[0].error,
                "rms residual at the smallest noise",
                "below 0.05",
            ),
        ),
        plots=(
            Plot(
                "Residual of the Fokker-Planck equation",
                "noise / signal",
                "rms, of the Laplacian",
                tuple(map(positive, lines)),
                log_y=True,
                note="Below 0.05 is good. Where the weak form lies below, its product was noise.",
            ),
        ),
    )


def strong_residual(
    model: EnergyModel, subject: Subject, level: Noised, generator: torch.Generator
) -> Estimate:
    """The rms residual at one level, its divergence exact or by unbiased probes."""
    with torch.no_grad():
        if subject.dims(level.batch).max() <= _FRAME:
            squares = residual(model, level.batch, level.t).double().square()
        else:
            one, other = (
                residual(
                    model,
                    level.batch,
                    level.t,
                    divergence="hutchinson",
                    count=4,
                    generator=generator,
                ).double()
                for _ in range(2)
            )
            squares = one * other
    return level.mean(squares).root()


def residual_line(
    model: EnergyModel, clean: Batch, *, levels: int, generator: torch.Generator
) -> Line:
    """The rms residual of a model (not compiled) at noised forms of clean graphs, against noise.

    Args:
        model: of log q.
        clean: a few hundred graphs.
        levels: of noise, evenly in log(noise / signal).
        generator: source of randomness, on the device of the graphs.
    """
    subject = Subject(model, model.processes, clean, held_out=True)
    noises, strong = [], []
    for level in noised_levels(subject, levels, clean.graphs, generator, lambda done, total: None):
        noises.append(level.noise)
        strong.append(strong_residual(model, subject, level, generator))
    return positive(line_of("residual", noises, strong))
