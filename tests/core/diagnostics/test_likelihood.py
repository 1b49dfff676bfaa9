import numpy as np
import pytest
import torch
from scipy import stats

from molgen.core.diagnostics.likelihood import likelihood, log_q, two_samples
from molgen.core.diagnostics.subject import Effort, Subject
from molgen.core.losses import corrupt

EFFORT = Effort(levels=0, points=0, draws=0, drawn=0)


@pytest.mark.parametrize(("shift", "sizes"), [(0.0, (80, 120)), (0.4, (80, 120)), (1.0, (40, 40))])
def test_two_samples_are_those_of_scipy(shift, sizes):
    rng = np.random.default_rng(3)
    one, other = rng.normal(size=sizes[0]), shift + rng.normal(size=sizes[1])
    distance, chance = two_samples(torch.from_numpy(one), torch.from_numpy(other))
    expected = stats.ks_2samp(one, other, method="exact")
    assert distance == pytest.approx(expected.statistic)
    # the series is for large sets: right to a third where it matters
    assert chance == pytest.approx(expected.pvalue, rel=0.35, abs=1e-4)


def drawn_of(case, count, seed, by=1.0):
    """Points of q at the smallest time, their deviations from the mean made `by` times as large."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.full((count,), case.processes["x"].t_min, dtype=torch.float64)
    batch, _, _ = corrupt(case.processes, case.data(count, generator), t, generator)
    mean = case.model.fields["x"].means[0]
    return batch.replace(x=mean + by * (batch.state["x"] - mean))


def subject(case, by, count=400, model=None):
    data = case.data(count, torch.Generator().manual_seed(5))
    drawn = drawn_of(case, count, 6, by)
    return Subject(model or case.model, case.processes, data, True, data, drawn)


@pytest.mark.parametrize("known", [True, False])
def test_draws_of_the_data_are_as_likely(known, case_of, score_only, generator, quiet):
    """Under log q, and under the bound of a model that has none."""
    case = case_of("VP Euclidean", 1)
    model = case.model if known else score_only(case.model)
    found = likelihood(subject(case, 1.0, model=model), EFFORT, generator, quiet)
    assert found.mood == "good"
    assert ("the bound" in found.verdict) is not known


@pytest.mark.parametrize(("by", "word"), [(0.7, "less"), (1.4, "more")])
def test_draws_too_narrow_make_data_unlikely(by, word, case_of, generator, quiet):
    found = likelihood(subject(case_of("VP Euclidean", 1), by), EFFORT, generator, quiet)
    assert found.mood == "poor"
    assert f"Data are {word} likely" in found.verdict


def test_log_q_is_that_of_the_energy(case_of, generator):
    case = case_of("VP Euclidean", 1)
    one = subject(case, 1.0, count=70)
    t = torch.full((70,), case.processes["x"].t_min, dtype=torch.float64)
    found = log_q(one, one.drawn, generator, is_drawn=True)
    torch.testing.assert_close(found, -case.model.energy(one.drawn, t))


def test_few_data_are_ranked_and_no_more(case_of, generator, quiet):
    case = case_of("VP Euclidean", 1)
    one = subject(case, 1.0)
    few = Subject(
        one.model, one.processes, one.clean, False, one.data.take(torch.arange(5)), one.drawn
    )
    found = likelihood(few, EFFORT, generator, quiet)
    assert found.mood == "plain"
    assert "5 data are too few" in found.verdict


def test_without_data_there_is_nothing_to_rank(case_of, generator, quiet):
    case = case_of("VP Euclidean", 1)
    one = subject(case, 1.0, count=20)
    none = Subject(one.model, one.processes, one.clean, False, None, one.drawn)
    found = likelihood(none, EFFORT, generator, quiet)
    assert found.verdict.startswith("Not measured")
    assert not found.numbers
