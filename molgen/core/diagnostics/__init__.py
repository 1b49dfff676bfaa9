"""What a score is worth beside what it draws: each diagnostic one file, one line to add it here.

A diagnostic is a function `(subject, effort, generator, tell) -> Finding` that loops over fields
and manifolds: what it cannot measure of a model it says in its verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from molgen.core.diagnostics.circulation import circulation
from molgen.core.diagnostics.closed_form import closed_form
from molgen.core.diagnostics.conservativity import conservativity
from molgen.core.diagnostics.denoising import denoising
from molgen.core.diagnostics.dimension import dimension
from molgen.core.diagnostics.finding import Finding
from molgen.core.diagnostics.fokker_planck import fokker_planck
from molgen.core.diagnostics.gauge import gauge
from molgen.core.diagnostics.likelihood import likelihood
from molgen.core.diagnostics.own_flow import own_flow
from molgen.core.diagnostics.score_equation import score_equation
from molgen.core.diagnostics.subject import Effort, Subject, Tell

Diagnostic = Callable[[Subject, Effort, torch.Generator, Tell], Finding]

DIAGNOSTICS: Mapping[str, Diagnostic] = {
    "denoising": denoising,
    "closed_form": closed_form,
    "conservativity": conservativity,
    "circulation": circulation,
    "gauge": gauge,
    "fokker_planck": fokker_planck,
    "score_equation": score_equation,
    "own_flow": own_flow,
    "likelihood": likelihood,
    "dimension": dimension,
}
"""By name, in the order in which a page shows them."""
