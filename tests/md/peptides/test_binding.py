import pytest
import torch

from molgen import checkpoint
from molgen.core.compiled import compiled
from molgen.errors import UsageError
from molgen.md.dynamics.engines import potential_of, ready
from molgen.md.dynamics.integrators import BAOAB, langevin_init
from molgen.md.dynamics.levels import LadderOptions
from molgen.md.models.batch import as_batch
from molgen.md.peptides.backbones import Backbone
from molgen.md.peptides.data import slot_batch
from molgen.md.peptides.models import build_model
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.slots import SLOTS
from molgen.md.peptides.statistics import Case, PeptideStatistics
from molgen.md.task import restore
from tests.md.peptides.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def transferable(tmp_path_factory):
    """The folder of a checkpoint of many peptides whose every weight counts."""
    # the last layer and the gains would start at or near zero
    return tiny_checkpoint(tmp_path_factory.mktemp("transferable") / "checkpoint", scatter=0.2)


@pytest.mark.parametrize(
    ("text", "kelvin"), [("SS", 310.0), ("GS", 350.0), ("Ac-S-NHMe", 403.0), ("Ac-SG-NHMe", 310.0)]
)
def test_bound_model_is_the_whole_one_for_that_peptide(transferable, text, kelvin):
    found = checkpoint.load(transferable)
    peptide = Peptide.parse(text)
    statistics = PeptideStatistics.from_dict(found.meta["statistics"])
    whole = build_model(found.recipe, statistics, [Case(peptide, kelvin)])
    found.load_into(whole.requires_grad_(False))
    bound, own = restore(checkpoint.load(f"{transferable}:{text}@{kelvin:g}"))
    slots = list(Backbone.of(peptide).slots)
    assert len(own.mapping) == len(slots)
    assert own.kT == pytest.approx(0.00831446261815324 * kelvin)

    y = torch.randn(5, len(slots), 3, generator=torch.Generator().manual_seed(1))
    y = y - y.mean(1, keepdim=True)
    t = torch.tensor([1e-5, 0.3, 0.5, 0.7, 1.0])
    padded, mask = torch.zeros(5, SLOTS, 3), torch.zeros(5, SLOTS, dtype=torch.bool)
    padded[:, slots], mask[:, slots] = y, True
    batch = slot_batch(padded, torch.zeros(5, dtype=torch.int64), mask)
    expected, ours = (
        whole.evaluate(batch, t, rate=True),
        bound.evaluate(as_batch(y), t, rate=True),
    )
    # sums in another order: float32
    assert torch.allclose(ours.energy, expected.energy, rtol=1e-5)
    score = expected.score["pos"].detach()
    size = score.abs().amax((1, 2), keepdim=True)
    assert float(((ours.score["pos"] - score[:, slots]) / size).abs().max()) < 1e-4
    assert torch.allclose(ours.rate, expected.rate, rtol=1e-4)
    assert float(score[:, sorted(set(range(SLOTS)) - set(slots))].abs().max()) == 0


def test_a_ladder_of_temperatures_has_the_model_of_each(transferable):
    name = f"{transferable}:SA"
    found = checkpoint.load(name)
    setup = ready(found)
    ladder = LadderOptions(temperatures_K=(350.0, 403.0))
    cool, warm, hot = ladder.levels(name, found, setup.model, setup.potential)
    assert cool.potential is setup.potential
    x = 0.1 * torch.randn(4, len(setup.potential.statistics.mapping), 3)
    for level, kelvin in ((warm, 350.0), (hot, 403.0)):
        assert level.kT == pytest.approx(0.00831446261815324 * kelvin)
        own = potential_of(checkpoint.load(f"{name}@{kelvin:g}"))
        torch.testing.assert_close(level.potential.energy(x), own.energy(x))
    with pytest.raises(UsageError, match="trained at 310 to 403 K, not at 500 K"):
        LadderOptions(temperatures_K=(500.0,)).levels(name, found, setup.model, setup.potential)


def test_a_simulation_of_a_bound_model_can_be_compiled(transferable):
    setup = ready(checkpoint.load(f"{transferable}:SA"))
    dynamics, beads = setup.dynamics, len(setup.potential.statistics.mapping)
    integrator = BAOAB(setup.potential, dynamics.masses, 1e-6, 1.0, 10, False)
    x = 0.1 * torch.randn(4, beads, 3, dtype=torch.float64)
    noise = torch.zeros(10, 4, beads, 3)
    ones = torch.ones(1, beads, 1)
    with torch.no_grad():
        state = langevin_init(setup.potential, x, dynamics.masses, dynamics.kT, torch.Generator())
        phase = (state.positions, state.velocities, state.forces, state.energies)
        traced = torch.compile(integrator._loop, backend="eager", dynamic=False)
        moved = traced(phase, noise, torch.tensor(3), 1e-9 * ones[0], 0 * ones)
        expected = integrator._plain_block(phase, noise, torch.tensor(3), 1e-9 * ones[0], 0 * ones)
    assert torch.allclose(moved[0], expected[0], atol=1e-9)
    assert torch.allclose(moved[3], expected[3].float(), rtol=1e-5)


def test_forces_of_a_bound_model_are_the_same_compiled(transferable):
    """The compiler once left out those that go through distances; energies were right."""
    potential = ready(checkpoint.load(f"{transferable}:SA")).potential
    x = potential.statistics.scale * torch.randn(32, len(potential.statistics.mapping), 3)
    with torch.no_grad():
        expected = potential.energy_and_forces(x)
        energies, forces = compiled(potential.energy_and_forces, "the potential")(x)
    assert torch.allclose(energies, expected[0], rtol=1e-5)
    assert torch.allclose(forces, expected[1], atol=1e-5 * float(expected[1].abs().max()))


def test_bound_checkpoint_can_be_saved_as_one_of_its_own(transferable, tmp_path):
    bound = checkpoint.load(f"{transferable}:SA")
    checkpoint.save(tmp_path / "SA", bound.recipe, bound.weights, bound.meta)
    model, _ = restore(bound)
    again, statistics = restore(checkpoint.load(tmp_path / "SA"))
    batch = as_batch(torch.randn(2, len(statistics.mapping), 3))
    t = torch.tensor([0.1, 0.9])
    assert torch.equal(again.energy(batch, t), model.energy(batch, t))


def test_bound_checkpoints_are_told_from_each_other(transferable):
    texts = ("SA", "AS", "SA@403", "SA@310")
    prints = [checkpoint.load(f"{transferable}:{text}").fingerprint for text in texts]
    assert len(set(prints)) == 3
    assert prints[0] == prints[3]  # 310 K is what goes without saying


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("SAS", "has 3 residues; the model was trained on up to 2"),
        ("Ac-SA", "trained on Ac-X-NHMe, Ac-XX-NHMe, XX, not on Ac-XX"),
        ("SW", "the model was trained without W"),
        ("Sa", "'a', is lower case, which is a D-residue"),
        ("S1", "'1', is no amino acid"),
        ("SA@500", "trained at 310 to 403 K, not at 500 K"),
    ],
)
def test_what_a_model_was_not_trained_on_is_refused(transferable, subject, reason):
    with pytest.raises(UsageError, match=reason):
        checkpoint.load(f"{transferable}:{subject}")


def test_a_model_of_many_is_nothing_to_sample_from(transferable):
    with pytest.raises(UsageError, match="name a peptide, such as KS after a colon"):
        restore(checkpoint.load(transferable))


def test_a_model_of_one_cannot_be_bound():
    with pytest.raises(UsageError, match="a model of one system; leave out ':KS'"):
        checkpoint.load("mueller_brown:KS")
