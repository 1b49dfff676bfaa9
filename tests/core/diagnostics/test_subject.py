import math

import pytest
import torch

from molgen.core.diagnostics.finding import Estimate, Line, integral, percent, positive, worst
from molgen.core.diagnostics.subject import Effort, noise_levels, noised_levels, scores
from molgen.core.processes import VP
from molgen.errors import MolgenError


def test_levels_are_even_in_the_logarithm_and_reach_both_ends():
    process = VP(t_min=0.01)
    levels = noise_levels({"x": process}, 7)
    ratios = torch.tensor([noise for noise, _ in levels], dtype=torch.float64)
    torch.testing.assert_close(ratios.log().diff(), ratios.log().diff()[:1].expand(6))
    assert math.isclose(levels[0][1], 0.01, rel_tol=1e-6)
    assert math.isclose(levels[-1][1], 1.0, rel_tol=1e-6)
    t = torch.tensor([time for _, time in levels], dtype=torch.float64)
    torch.testing.assert_close(process.noise(t) / process.signal(t), ratios)


def test_copies_of_one_graph_do_not_make_a_mean_surer(gaussian_data, generator, quiet):
    """400 values of 4 origins: the error is that of 4 means, whatever the copies."""
    subject = gaussian_data([1.0, 1.0]).subject(count=4)
    level = next(noised_levels(subject, 2, 400, generator, quiet))
    values = level.origin.double() + 0.01 * torch.randn(400, generator=generator).double()
    found = level.mean(values)
    four = torch.arange(4.0).std().item() / 2
    assert math.isclose(found.value, 1.5, abs_tol=0.01)
    assert math.isclose(found.error, four, rel_tol=0.02)


def test_scores_in_chunks_are_those_of_the_whole(case_of, generator):
    case = case_of("joint", 1)
    batch, t = case.noised(7, generator)
    whole, parts = (scores(case.model, batch, t, size=size) for size in (100, 3))
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name])


def test_a_score_that_is_not_finite_is_named(gaussian_data, score_only):
    data = gaussian_data([1.0])
    broken = score_only(data, lambda score, batch, t: score / 0)
    batch = data.data(3)
    with pytest.raises(MolgenError, match=r"t = 0\.5: the score of field 'x' is not finite"):
        scores(broken, batch, torch.full((3,), 0.5, dtype=torch.float64))


def test_effort_is_bounded_and_less_when_quick():
    for dim in (1, 36, 500):
        full, quick = Effort.of(dim), Effort.of(dim, quick=True)
        assert 16 <= full.points <= 256
        assert quick.points < full.points
        assert quick.levels < full.levels
        assert quick.draws < full.draws
        assert quick.drawn < full.drawn


def test_a_root_has_the_error_of_first_order():
    found = Estimate(0.04, 0.002).root(4.0)
    assert math.isclose(found.value, 0.1)
    assert math.isclose(found.error, 0.002 / 4 / (2 * 0.1))


def test_a_mean_square_below_zero_is_zero_within_its_error():
    found = Estimate(-0.01, 0.04).root()
    assert found.value == 0
    assert math.isclose(found.error, 0.2)


def test_integral_over_the_logarithm_of_a_straight_line():
    x = [1.0, 2.0, 8.0]
    found = integral(x, [Estimate(math.log(value), 0.1) for value in x])
    assert math.isclose(found.value, 0.5 * math.log(8) ** 2)
    shares = [0.5 * math.log(2), 0.5 * math.log(8), 0.5 * math.log(4)]
    assert math.isclose(found.error, 0.1 * math.hypot(*shares))


def test_an_uncertain_estimate_is_not_the_worst_by_chance():
    assert worst([Estimate(0.1, 0.01), Estimate(0.3, 0.29), Estimate(0.2, 0.01)]) == 2


def test_a_logarithmic_line_leaves_out_what_is_not_positive():
    line = positive(Line("a", [1, 2, 3], [0.0, 2.0, -1.0], [0.0, -1.0, -2.0], [1.0, 3.0, 0.0]))
    assert (line.x, line.y, line.low, line.high) == ([2], [2.0], [0.2], [3.0])


@pytest.mark.parametrize(
    ("share", "text"), [(0.5, "50 %"), (0.031, "3.1 %"), (0.0004, "0.04 %"), (1e-9, "below 0.01 %")]
)
def test_shares_read_as_percent(share, text):
    assert percent(share) == text
