import pytest
import torch

from molgen.core.diagnostics.own_flow import own_flow
from molgen.core.diagnostics.subject import Effort
from molgen.core.models import EnergyModel

EFFORT = Effort(levels=0, points=24, draws=0, drawn=0)


class Bent(EnergyModel):
    """A known energy and something of the place that fades out with the noise."""

    def __init__(self, exact, size):
        super().__init__(exact.processes)
        self.exact, self.size = exact, size

    def energy(self, batch, t):
        x = batch.state["x"].flatten(1)
        return self.exact.energy(batch, t) + self.size * torch.exp(-30 * t) * x.sin().sum(1)


@pytest.mark.parametrize("name", ["VP Euclidean", "VE Centred"])
def test_an_exact_density_is_that_of_its_flow(name, case_of, subject_of, generator, quiet):
    """To what sixteen steps of fourth order, and a prior that has forgotten 99 %, leave."""
    found = own_flow(subject_of(case_of(name, 2), 24), EFFORT, generator, quiet)
    assert found.mood == "good"
    assert abs(found.numbers[1].value) < 0.15


def test_an_energy_that_is_no_density_of_its_score_is_seen(case_of, subject_of, generator, quiet):
    """The flow follows the score only in part, as that is bent at small noise alone."""
    case = case_of("VP Euclidean", 1)
    subject = subject_of(case, 24, Bent(case.model, 2.0))
    found = own_flow(subject, EFFORT, generator, quiet)
    assert found.mood == "poor"


def test_of_a_score_there_is_nothing_to_compare(case_of, subject_of, score_only, generator, quiet):
    case = case_of("VP Euclidean", 1)
    found = own_flow(subject_of(case, 4, score_only(case.model)), EFFORT, generator, quiet)
    assert found.verdict.startswith("Not measured")
