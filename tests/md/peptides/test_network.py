import pytest
import torch

from molgen import checkpoint
from molgen.config import load_recipe
from molgen.core.losses import LOSSES
from molgen.errors import UsageError
from molgen.md.peptides.data import CaseFrames, Drawing
from molgen.md.peptides.models import build_model
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.statistics import Case, PeptideStatistics

CASES = [Case(Peptide.parse(text), T) for text in ("AS", "GA", "Ac-S-NHMe") for T in (310.0, 403.0)]


@pytest.fixture(scope="module")
def frames(made):
    return [CaseFrames(case, made(case.peptide, 200), 0) for case in CASES]


@pytest.fixture(scope="module")
def drawing(frames):
    statistics = PeptideStatistics.measure([(one.case, one.x) for one in frames], 310.0)
    return Drawing(frames, 310.0, 0.7, statistics.scale), statistics


def recipe_of(together):
    return load_recipe("dipeptides", ["model.hidden=32", f"model.together={together}"])


@pytest.fixture(scope="module", params=[0, 12])
def model(drawing, request):
    torch.manual_seed(0)
    recipe = recipe_of(request.param)
    made = build_model(recipe, drawing[1], CASES)
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    return made.double()


def test_batches_hold_every_peptide_as_often_and_the_wanted_temperature_by_its_share(drawing):
    batch = drawing[0](3000, torch.Generator().manual_seed(0))
    counts = torch.bincount(batch.given["case"], minlength=6)
    assert counts.tolist() == [700, 300, 700, 300, 700, 300]
    assert torch.bincount(batch.given["case"][:300]).min() > 15  # shuffled: losses take parts
    y, mask = batch.state["pos"], batch.rows["pos"].mask
    assert float(y[~mask].abs().max()) == 0
    assert float(y.sum(1).abs().max()) < 1e-5
    assert mask.sum(1).unique().tolist() == [9, 10]


def test_frames_are_kept_to_a_part_in_thirty_thousand(drawing, frames):
    pool = drawing[0]
    whole = pool.values[:200, 3:13].float() * pool.step * drawing[1].scale
    assert float((whole - frames[0].x).abs().max()) < 2e-5  # nm


def test_energy_does_not_see_where_a_peptide_is_or_how_it_is_turned(drawing, model):
    batch = drawing[0](8, torch.Generator().manual_seed(0)).to("cpu", torch.float64)
    t = torch.linspace(0.1, 1.0, 8, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    turn = turn * torch.linalg.det(turn)
    turned = batch.replace(pos=batch.state["pos"] @ turn)
    assert torch.allclose(model.energy(turned, t), model.energy(batch, t), rtol=1e-9)
    mirrored = batch.replace(pos=-batch.state["pos"])
    assert not torch.allclose(model.energy(mirrored, t), model.energy(batch, t), rtol=1e-3)


def test_what_fills_no_slot_is_not_seen(drawing, model):
    batch = drawing[0](8, torch.Generator().manual_seed(0)).to("cpu", torch.float64)
    t = torch.linspace(0.1, 1.0, 8, dtype=torch.float64)
    y, mask = batch.state["pos"], batch.rows["pos"].mask
    other = batch.replace(pos=torch.where(mask[..., None], y, torch.randn_like(y)))
    assert torch.equal(model.correction(other, t), model.correction(batch, t))


def test_both_losses_train_every_weight(drawing, model):
    recipe = load_recipe("dipeptides")
    for part in recipe.loss:
        model.zero_grad()
        loss = LOSSES[part.kind](**part.options)
        batch = drawing[0](32, torch.Generator().manual_seed(0)).to("cpu", torch.float64)
        value, _ = loss(model, model.processes, batch, torch.Generator().manual_seed(0))
        value.backward()
        weights = [weight for weight in model.parameters() if weight.ndim == 2]
        assert all(float(weight.grad.abs().max()) > 0 for weight in weights)


def test_what_is_given_together_begins_as_nothing_and_learns(drawing, tmp_path):
    plain, more = (build_model(recipe_of(count), drawing[1], CASES) for count in (0, 12))
    for weight in plain.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    found = {"statistics": {}, "data": {}}
    checkpoint.save(tmp_path / "a", recipe_of(0), plain.state_dict(), found)
    checkpoint.load(tmp_path / "a").load_into(more, widened=True)
    batch = drawing[0](8, torch.Generator().manual_seed(0))
    t = torch.linspace(0.1, 1.0, 8)
    assert torch.equal(more.energy(batch, t), plain.energy(batch, t))
    more.energy(batch, t).square().sum().backward()
    for gain in (*more.correction.network.gains, *more.correction.network.shifts):
        assert (gain.weight.grad[:, -12:].abs().sum(0) > 0).all()
    checkpoint.save(tmp_path / "b", recipe_of(12), more.state_dict(), found)
    for model in (plain, build_model(recipe_of(8), drawing[1], CASES)):
        with pytest.raises(UsageError):
            checkpoint.load(tmp_path / "b").load_into(model, widened=True)
