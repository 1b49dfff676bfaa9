"""Score augmentation on a density without symmetry: what is asked for, learned and leaked."""

import pytest
import torch

from molgen.core.losses import Denoising, VelocityMatching
from molgen.core.losses.augmentation import INVERTED, invert, inverted
from molgen.core.losses.corruption import corrupt
from molgen.core.models.experts import EnergySplit
from molgen.errors import UsageError


class Told:
    """The exact score of a case for what is as it was, and its mirror image for what is not."""

    augmented = True

    def __init__(self, case):
        self.case = case

    def score(self, batch, t):
        rows, sign = batch.rows, 1 - 2 * inverted(batch)
        back = {name: rows[name].spread(sign, x) * x for name, x in batch.state.items()}
        scores = self.case.model.score(batch.replace(**back), t)
        return {name: rows[name].spread(sign, s) * s for name, s in scores.items()}


class Blind(Told):
    """The best that a model can do that is not told: the score of both halves as one density."""

    def score(self, batch, t):
        rows, model = batch.rows, self.case.model
        back = batch.replace(**{name: -x for name, x in batch.state.items()})
        energy = torch.stack([model.energy(batch, t), model.energy(back, t)])
        share = (-energy).softmax(0)
        here, there = model.score(batch, t), model.score(back, t)
        return {
            name: rows[name].spread(share[0], s) * s - rows[name].spread(share[1], s) * there[name]
            for name, s in here.items()
        }


def test_augmented_points_and_targets_turn_together(case_of, generator):
    """The kernel's score at -x from -x_0 is what is asked for; a share of a third of the graphs."""
    case, n = case_of("Linear Centred", 2), 3000
    clean = case.data(n, generator)
    t = torch.full((n,), 0.4, dtype=torch.float64)
    noised, target, _ = corrupt(case.processes, clean, t, generator)
    turned, wanted = invert(case.processes, noised, target, 1 / 3, generator)
    told = turned.given[INVERTED]
    assert abs(told.mean() - 1 / 3) < 5 * (2 / 9 / n) ** 0.5
    sign = (1 - 2 * told)[:, None, None]
    path, rows = case.processes["x"], clean.rows["x"]
    score = path.kernel_score(turned.state["x"], sign * clean.state["x"], t, rows)
    torch.testing.assert_close(wanted["x"], score)


@pytest.mark.parametrize("kind", [Denoising, VelocityMatching])
def test_a_model_that_is_told_has_the_loss_it_has_without(case_of, kind):
    """Bit for bit: the same points, only half of them seen in the mirror."""
    case = case_of("VP Symmetric", 2)
    clean = case.data(200, torch.Generator().manual_seed(1))

    def value(model, share):
        same = torch.Generator().manual_seed(2)
        with torch.no_grad():
            return kind(augment=share)(model, case.processes, clean, same)[0]

    plain, told = value(Told(case), 0.0), value(Told(case), 0.5)
    torch.testing.assert_close(told, plain, rtol=1e-12, atol=0)
    # One that is not told does worse, although there is none better of its kind.
    assert value(Blind(case), 0.5) > plain + 1e-3


def test_nothing_leaks_into_what_is_drawn(case_of, generator):
    """A batch that nobody augmented: the score is that of the data, and not that of the mirror."""
    case = case_of("VP Euclidean", 2)
    batch, t = case.noised(50, generator)
    found, exact = Told(case).score(batch, t), case.model.score(batch, t)
    torch.testing.assert_close(found["x"], exact["x"])
    assert (Blind(case).score(batch, t)["x"] - exact["x"]).abs().max() > 0.1


def test_a_model_that_would_take_it_for_data_is_refused(case_of, generator):
    case = case_of("VP Euclidean", 1)
    loss = Denoising(augment=0.5)
    with pytest.raises(UsageError, match="would draw mirror images"):
        loss(case.model, case.processes, case.data(4, generator), generator)
    split = EnergySplit([case.model, case.model], [0.5])
    assert not split.augmented


def test_rotations_cannot_be_turned_inside_out(joint, generator):
    class Any:
        augmented = True

    loss = Denoising(augment=0.5)
    with pytest.raises(UsageError, match="field 'rot'"):
        loss(Any(), joint.processes, joint.data(4, generator), generator)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_shares_out_of_range_are_refused(share):
    with pytest.raises(UsageError, match="augment"):
        Denoising(augment=share)
