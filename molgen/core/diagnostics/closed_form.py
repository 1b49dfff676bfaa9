"""How far a score is from the true one, on systems whose true score is known in closed form."""

from __future__ import annotations

import torch

from molgen.core.diagnostics.finding import (
    Finding,
    Number,
    Plot,
    Scale,
    integral,
    line_of,
    percent,
    positive,
    worst,
)
from molgen.core.diagnostics.gauge import per_level
from molgen.core.diagnostics.subject import Effort, Subject, Tell, noised_levels, scores

_SCALE = Scale("cost in nats for each direction", 0.02, 0.1)
_TITLE = "Error against the exact score"


def closed_form(
    subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell
) -> Finding:
    """Root mean square error of the score against noise, relative to the score."""
    if subject.exact is None:
        return Finding(
            _TITLE,
            "The score against its closed form.",
            "Not measured: no closed form of the score of this system is known.",
        )
    noises, relative, nats = [], [], []
    count = min(effort.draws, 1024)
    for level in noised_levels(subject, effort.levels, count, generator, tell):
        score = scores(subject.model, level.batch, level.t)
        exact = scores(subject.exact, level.batch, level.t)
        error = torch.zeros_like(level.t, dtype=torch.float64)
        size = torch.zeros_like(error)
        for name, process in subject.processes.items():
            rows, inner = level.batch.rows[name], process.manifold.inner
            weight = process.diffusion(level.t).square().double()
            difference = score[name] - exact[name]
            error = error + weight * inner(difference, difference, rows).double()
            size = size + weight * inner(exact[name], exact[name], rows).double()
        square = level.mean(error)
        noises.append(level.noise)
        relative.append(square.root(size.mean().item()))
        nats.append(per_level(subject, level, square))
    k, total = worst(relative), integral(noises, nats)
    return Finding(
        _TITLE,
        "The score less the exact score at noised points: root mean square relative to the exact "
        "score, and s² E|error|², whose sum over e-folds of noise bounds the divergence KL of "
        "what is drawn from the data (Song et al. 2021, theorem 1).",
        f"The score is right to {percent(relative[k].value)} of itself at every noise (worst at "
        f"noise/signal {noises[k]:.2g}); its errors cost at most {total.value:.2g} nats.",
        _SCALE.mood(total.value / subject.dim),
        str(_SCALE),
        numbers=(
            Number(
                "KL divergence, at most",
                total.value,
                total.error,
                "nats by which draws may differ from the data, summed over all noise",
                f"below {0.02 * subject.dim:.2g} (0.02 for each direction)",
            ),
            Number(
                "error relative to the score",
                relative[k].value,
                relative[k].error,
                "largest rms error relative to the exact score; at small noise the score is the "
                "force on clean data, which denoising hardly sees",
                "below 0.1",
            ),
        ),
        plots=(
            Plot(
                "Error against the exact score",
                "noise / signal",
                "of the score (rms)",
                (positive(line_of("error", noises, relative)),),
                log_y=True,
            ),
            Plot(
                "What the error costs",
                "noise / signal",
                "nats for each e-fold of noise",
                (line_of("cost", noises, nats),),
                note="The area below is at most the divergence of draws from data.",
            ),
        ),
    )
