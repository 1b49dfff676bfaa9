import math

from molgen.core.diagnostics.closed_form import closed_form
from molgen.core.diagnostics.subject import Effort

EFFORT = Effort(levels=40, points=0, draws=200, drawn=0)


def test_the_exact_score_has_no_error(gaussian_data, generator, quiet):
    data = gaussian_data([1.0, 0.5])
    found = closed_form(data.subject(exact=data), EFFORT, generator, quiet)
    assert found.mood == "good"
    assert found.numbers[0].value == 0


def test_a_score_of_another_width_costs_the_divergence_of_the_two(gaussian_data, generator, quiet):
    """KL(N(0, 1) | N(0, v)) = (1/v - 1 + log v) / 2: the bound is sharp for equal priors."""
    std = 1.3
    data, model = gaussian_data([1.0]), gaussian_data([std])
    found = closed_form(
        data.subject(model, count=200, exact=data), EFFORT, generator, quiet
    ).numbers[0]
    exact = 0.5 * (1 / std**2 - 1 + 2 * math.log(std))
    # 200 data estimate a variance to 10 %
    assert abs(found.value - exact) < 4 * found.error + 0.1 * exact


def test_an_error_in_length_is_that_at_every_noise(gaussian_data, score_only, generator, quiet):
    data = gaussian_data([1.0, 0.5])
    model = score_only(data, lambda score, batch, t: 1.1 * score)
    found = closed_form(data.subject(model, exact=data), EFFORT, generator, quiet)
    assert all(math.isclose(y, 0.1, rel_tol=1e-6) for y in found.plots[0].lines[0].y)


def test_where_none_is_known_it_says_so(gaussian_data, generator, quiet):
    found = closed_form(gaussian_data([1.0]).subject(), EFFORT, generator, quiet)
    assert found.verdict.startswith("Not measured")
