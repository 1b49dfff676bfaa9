"""Draws steered by rewards: particles, trees, guidance, composed scores and inverse problems.

All aim at q(x) exp(reward(x)), q the model's law; `Draw` says what is drawn, `Steered` what came of
it. To add a way: a frozen dataclass of its options that is called with a `Draw`, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from molgen.core.steering.best_of import BestOf
from molgen.core.steering.draw import Draw, Steering
from molgen.core.steering.ensemble import Ensemble
from molgen.core.steering.feynman_kac import FeynmanKac
from molgen.core.steering.particles import Steered
from molgen.core.steering.red_diff import RedDiff
from molgen.core.steering.rewards import Reward, SteeringError, total
from molgen.core.steering.tilted import Gradient
from molgen.core.steering.tree import Tree

__all__ = ["STEERINGS", "Draw", "Reward", "Steered", "Steering", "SteeringError", "total"]

STEERINGS: Mapping[str, Callable[..., Steering]] = {
    "feynman-kac": FeynmanKac,
    "ensemble": Ensemble,
    "tree": Tree,
    "gradient": Gradient,
    "red-diff": RedDiff,
    "best-of-n": BestOf,
}
"""Ways of steering by name; their arguments are their options."""
