"""Target score matching: right on average, and sharper than denoising at small noise."""

import math
from dataclasses import replace

import pytest
import torch

from molgen.core.losses import Denoising
from molgen.core.losses.target_score import TargetScore, score_name
from molgen.errors import UsageError

LOW = {"low": 0.02, "high": 0.05}


def told(case, count, generator):
    """Clean data with the score of each: that of the case's density at no noise."""
    batch = case.data(count, generator)
    score = case.model.score(batch, torch.zeros(count, dtype=torch.float64))["x"]
    rows = {**batch.rows, score_name("x"): batch.rows["x"]}
    return replace(batch, rows=rows, given={score_name("x"): score})


def slopes(case, model, loss, generator, batches=30):
    """Of the loss by the size of a model at the exact score."""
    found = []
    for _ in range(batches):
        value, _ = loss(model, case.processes, told(case, 200, generator), generator)
        found.append(torch.autograd.grad(value, model.size)[0])
    return torch.stack(found)


@pytest.mark.parametrize("name", ["VP Euclidean", "VE Centred", "SubVP Symmetric"])
def test_it_is_least_at_the_exact_score(case_of, scaled, generator, name):
    """A mixture, at noises up to the width of the data."""
    case = case_of(name, 2)
    found = slopes(case, scaled(case), TargetScore(high=1.0, fraction=1.0), generator)
    assert abs(found.mean()) < 4 * found.std() / math.sqrt(len(found))
    assert found.std() > 0


def test_at_small_noise_it_says_more_than_denoising(case_of, scaled, generator):
    """Error of the size that a batch suggests: slope over curvature of the squared loss."""
    case = case_of("VP Euclidean", 2)
    model = scaled(case)
    size_by_target = slopes(case, model, TargetScore(fraction=1.0, **LOW), generator).std() / 2
    by_noise = slopes(case, model, Denoising(**LOW), generator).std()
    # Denoising is weighed by s^2 on average 1/300 here: its curvature is 2 E s^2 |score|^2 / D
    batch = told(case, 4000, generator)
    with torch.no_grad():
        zero = Denoising(**LOW)(model, case.processes, batch, torch.Generator().manual_seed(1))[0]
        model.size += 1.0
        one = Denoising(**LOW)(model, case.processes, batch, torch.Generator().manual_seed(1))[0]
        model.size -= 2.0
        minus = Denoising(**LOW)(model, case.processes, batch, torch.Generator().manual_seed(1))[0]
    curvature = one + minus - 2 * zero
    assert size_by_target < 0.2 * by_noise / curvature


def test_data_without_scores_are_refused(case_of, generator):
    case = case_of("VP Euclidean", 1)
    with pytest.raises(UsageError, match="no forces"):
        TargetScore()(case.model, case.processes, case.data(4, generator), generator)


@pytest.mark.parametrize("options", [{"fraction": 0.0}, {"low": 0.2}, {"high": -1.0}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(UsageError):
        TargetScore(**options)
