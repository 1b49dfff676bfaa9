r"""Does an energy model agree with its own probability flow?

A model of -log q(x, t) has a density twice: exp(-E(x, t_min)) as it says itself, and that of what
its score draws by the flow. They are one if E solves the Fokker-Planck equation from the prior on.
Weights of one against the other measure by how much they differ: their effective sample size, the
self-ESS, is n where they agree, and their mean is one where E is normalised.
"""

from __future__ import annotations

import torch

from molgen.core.likelihood.density import Density
from molgen.core.likelihood.weights import Weights
from molgen.core.models import EnergyModel


def self_weights(model: EnergyModel, drawn: Density, time: float) -> Weights:
    """exp(-E) / q of draws of the model's own flow.

    Args:
        model: whose energy is the -log of a normalised density.
        drawn: by `molgen.core.likelihood.density.draw` from the model's score.
        time: the smallest of the draw's times.
    """
    state = drawn.batch
    t = next(iter(state.state.values())).new_full((state.graphs,), time)
    with torch.no_grad():
        energy = model.energy(state, t)
    return Weights.of(energy, drawn.log_q)
