import math

import torch

from molgen.core.diagnostics.circulation import circulation, work
from molgen.core.diagnostics.subject import Effort

RATE = 0.3


def test_a_gradient_returns_to_where_it_was(mixture, generator):
    """On every manifold: what is left is the quadrature's, on sides as long as the noise."""
    batch, t = mixture.noised(20, generator, low=0.3)
    sides = work(mixture.model, mixture.processes, batch, t, generator)
    assert (sides.sum(0).abs() < 1e-2 * sides.abs().sum(0).clamp_min(0.01)).all()
    assert sides.abs().max() > 0.1


def test_a_side_is_what_log_q_changes_by(case_of, generator):
    """The first side starts at the graph: its work against the energies of triangles' corners."""
    case = case_of("VP Centred", 1)
    batch, t = case.noised(5, generator, low=0.2)
    state = generator.get_state()
    sides = work(case.model, case.processes, batch, t, generator)
    generator.set_state(state)
    process = case.processes["x"]
    eps = process.manifold.noise(batch.state["x"], batch.rows["x"], generator)
    corner = batch.replace(x=batch.state["x"] + process.noise(t)[:, None, None] * eps)
    change = case.model.energy(batch, t) - case.model.energy(corner, t)
    torch.testing.assert_close(sides[0], change)


def test_the_circulation_of_a_turning_field_is_twice_its_rate_times_the_area(
    case_of, score_only, turning, generator
):
    """E Gamma^2 = rate^2 s^4 E sum_rows (u x v)^2 = rate^2 s^4 2 rows; 400 loops give 10 %."""
    case = case_of("VP Euclidean", 1)
    batch, _ = case.noised(400, generator)
    t = torch.full((400,), 0.3, dtype=torch.float64)
    sides = work(score_only(case.model, turning(RATE)), case.processes, batch, t, generator)
    s = case.processes["x"].noise(t[:1]).item()
    expected = RATE**2 * s**4 * 2 * 4
    assert math.isclose(sides.sum(0).square().mean().item(), expected, rel_tol=0.3)


def test_the_verdict_tells_them_apart(case_of, subject_of, score_only, turning, generator, quiet):
    case = case_of("VP Euclidean", 1)
    effort = Effort(levels=3, points=40, draws=0, drawn=0)
    moods = [
        circulation(
            subject_of(case, 40, score_only(case.model, change)), effort, generator, quiet
        ).mood
        for change in (lambda score, batch, t: score, turning(1.0))
    ]
    assert moods == ["good", "poor"]
