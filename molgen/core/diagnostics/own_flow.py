r"""Whether log q of an energy model is that of its own probability flow.

The flow of its score gives every point a density by the change of variables (Song et al. 2021, eq.
39), the energy says one itself; they are one where the energy solves the Fokker-Planck equation
from the prior on. What they differ by at the smallest noise is the sum of what is left of that
equation, in nats: an offset does no harm, a spread is what weights of one against the other feel.
"""

from __future__ import annotations

import torch

from molgen.core.diagnostics.finding import Finding, Line, Number, Plot, Scale
from molgen.core.diagnostics.subject import Effort, Subject, Tell
from molgen.core.grids import karras
from molgen.core.likelihood.density import encode, noised

_TITLE = "log q against its own flow"
_SCALE = Scale("spread in nats", 0.2, 1.0)
_POINTS = 32
_STEPS = 16


def own_flow(subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell) -> Finding:
    """The difference of both at points of the smallest noise; of models of log q."""
    model = subject.energy
    if model is None:
        return Finding(
            _TITLE,
            "log q of the energy against that of the probability flow.",
            "Not measured: the model has no log q of its own.",
        )
    processes = subject.processes
    count = min(effort.points, _POINTS)
    batch = noised(processes, subject.repeated(count), generator)
    times = karras(next(iter(processes.values())), _STEPS)
    t = next(iter(batch.state.values())).new_full((count,), times[-1].item())
    tell(0, 1)
    flow = encode(processes, model.score, batch, times, generator=generator)
    tell(1, 1)
    with torch.no_grad():
        own = -model.energy(batch, t).double()
    difference = (own - flow.log_q).cpu()
    spread = difference.std().item()
    offset, error = difference.mean().item(), spread / count**0.5
    where = "held-out data" if subject.held_out else "the model's draws"
    order = flow.log_q.argsort().tolist()
    x, y = flow.log_q[order].tolist(), own[order].tolist()
    return Finding(
        _TITLE,
        "log q that the energy says, against log q by the probability-flow ODE of its score (Song "
        f"et al. 2021, eq. 39), at {count} of {where} with the smallest noise; the path in "
        f"{_STEPS} steps of fourth order.",
        f"log q of the energy and of its flow differ by {spread:.2g} nats from point to point, and "
        f"by {offset:.2g} on average.",
        _SCALE.mood(spread),
        str(_SCALE),
        numbers=(
            Number(
                "spread of the difference",
                spread,
                spread / (2 * max(count - 1, 1)) ** 0.5,
                "standard deviation over points, nats: what weights of one against the other feel",
                "below 0.2",
            ),
            Number(
                "mean difference",
                offset,
                error,
                "energy's less the flow's, nats: how far exp(-E) is from summing to one",
                "0; it matters only where probabilities of different models are compared",
            ),
        ),
        plots=(
            Plot(
                "log q of the energy and of its flow",
                "log q of the flow (nats)",
                "log q of the energy (nats)",
                (
                    Line("points", x, y, style="points"),
                    Line("equal", [x[0], x[-1]], [x[0], x[-1]], style="rule"),
                ),
                log_x=False,
                note="On the dashed line they agree; beside it, by an offset.",
            ),
        ),
    )
