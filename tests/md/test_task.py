"""From a recipe to a task: which frames train, what is drawn, and what is refused."""

import zlib

import numpy as np
import pytest
import torch

from molgen.config import Recipe
from molgen.core.models.experts import EnergySplit
from molgen.errors import UsageError
from molgen.md.data.frames import load_frames
from molgen.md.data.packing import pack
from molgen.md.models.kinds import build_model
from molgen.md.models.statistics import Statistics
from molgen.md.task import build, rotated


@pytest.fixture(scope="module")
def chain_frames(chain, ala2, tmp_path_factory):
    """Packed frames of five beads, named as the system names them."""
    folder = tmp_path_factory.mktemp("frames")
    x = chain(600, 5, torch.Generator().manual_seed(0)).float().numpy()
    labels = [bead.label for bead in ala2.mapping("backbone5").beads]
    for part, frames in (("train", x[:500]), ("reference", x[500:])):
        pack(folder / f"{part}.npz", frames, labels)
    return folder


@pytest.fixture
def tables(chain_frames):
    return {
        "task": "md",
        "name": "beads",
        "data": {
            "system": "ala2",
            "mapping": "backbone5",
            "frames": str(chain_frames),
            "held_out": 60,
        },
        "process": {"pos": {"kind": "VE"}},
        "model": {"kind": "beads", "hidden": 8, "layers": 1},
        "loss": [{"kind": "denoising"}],
        "train": {"steps": 1, "batch_size": 1},
    }


def task_of(tables):
    return build(Recipe.parse(tables, "beads.toml"))


def rows_of(y):
    """Frames as hashable rows, rounded to what float32 keeps after a change of scale."""
    return {tuple(row) for row in y.flatten(1).mul(1e4).round().long().tolist()}


def test_training_batches_are_drawn_from_all_frames_but_the_held_out(tables, ala2, generator):
    task = task_of(tables)
    held_out = rows_of(task.held_out.state["pos"])
    drawn = rows_of(task.draw(20_000, generator).state["pos"])
    mapping = ala2.mapping("backbone5")
    frames = load_frames(tables["data"]["frames"], "train", ala2, mapping)
    statistics = Statistics.measure(ala2, mapping, frames)
    every = rows_of(statistics.normalise(frames))
    assert len(held_out) == 60
    assert not drawn & held_out
    assert drawn | held_out == every  # one of 440 frames is missed with probability e^-45


def test_a_task_repeats_with_its_seed(tables, generator):
    first, second = task_of(tables), task_of(tables)
    other = task_of({**tables, "seed": 1})
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name])
    assert torch.equal(first.held_out.state["pos"], second.held_out.state["pos"])
    assert not torch.equal(first.held_out.state["pos"], other.held_out.state["pos"])
    draws = [task.draw(9, generator.manual_seed(5)).state["pos"] for task in (first, second)]
    assert torch.equal(*draws)


def test_meta_says_which_data(tables, ala2):
    frames = load_frames(tables["data"]["frames"], "train", ala2, ala2.mapping("backbone5"))
    expected = {"frames": 500, "crc32": zlib.crc32(np.ascontiguousarray(frames.numpy()))}
    assert task_of(tables).meta["data"] == expected
    tables["data"]["limit"] = 499
    assert task_of(tables).meta["data"] != expected


def test_turned_batches_hold_the_same_shapes_in_other_orientations(tables, generator):
    plain = task_of(tables)
    turned = task_of({**tables, "data": {**tables["data"], "rotate": True}})
    count = 50
    y, x = (
        task.draw(count, generator.manual_seed(3)).state["pos"].double() for task in (plain, turned)
    )
    shapes = [torch.linalg.det(z[:, 1:4] - z[:, :1]) for z in (y, x)]
    torch.testing.assert_close(torch.cdist(x, x), torch.cdist(y, y), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(*shapes, atol=1e-5, rtol=1e-4)  # no mirror images
    torch.testing.assert_close(x.mean(1), torch.zeros(count, 3).double(), atol=1e-6, rtol=0)
    assert ((x - y).abs().amax((1, 2)) > 1e-2).all()
    assert torch.equal(plain.held_out.state["pos"], turned.held_out.state["pos"])


def test_orientations_are_uniform(generator):
    """Of one shape: <y> = 0 and <y_i y_j^T> = (y_i . y_j) / 3."""
    shape = torch.randn(1, 3, 3, generator=generator, dtype=torch.float64)
    n = 20_000
    y = rotated(shape.expand(n, 3, 3), generator)
    size = shape.norm().item()
    assert (y.mean(0).abs() < 5 * size / n**0.5).all()
    products = torch.einsum("nia,njb->ijab", y, y) / n
    expected = (shape[0] @ shape[0].T)[..., None, None] * torch.eye(3).double() / 3
    assert (products - expected).abs().max() < 5 * size**2 / n**0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"process": {"x": {"kind": "VE"}}}, "md diffuses one field, 'pos'"),
        ({"process": {"pos": {"kind": "Brownian"}}}, "positions need a process of flat space"),
        ({"process": {"pos": {"kind": "VE", "manifold": "flat"}}}, "VE has no key 'manifold'"),
        ({"model": {"kind": "beads", "statistics": 1}}, "beads has no key 'statistics'"),
        ({"model": {"kind": "beads", "experts": ["early"]}}, "expected times"),
        ({"loss": [{"kind": "denoise"}]}, "no kind 'denoise'; did you mean 'denoising'"),
        ({"loss": [{"kind": "fokker_planck", "fraction": 2.0}]}, "fraction 2.0 must be in"),
        ({"data": {"system": "ala3", "frames": "x"}}, "no system named 'ala3'"),
        ({"data": {"system": "ala2", "mapping": "backbone", "frames": "x"}}, "'backbone5'"),
        ({"data": {"system": "ala2"}}, "[data] needs a value for 'frames'"),
    ],
)
def test_what_cannot_be_used_is_named(tables, change, message):
    with pytest.raises(UsageError) as error:
        task_of({**tables, **change})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_frames_of_other_beads_are_refused(tables):
    tables["data"]["mapping"] = "six"
    with pytest.raises(UsageError, match=r"train.npz: holds .*, not "):
        task_of(tables)


def test_experts_are_the_same_network_with_weights_of_their_own(tables, chain, ala2, generator):
    tables["model"]["experts"] = [0.3, 0.8]
    statistics = Statistics.measure(ala2, ala2.mapping("backbone5"), chain(50, 5, generator))
    model = build_model(Recipe.parse(tables, "beads.toml"), statistics)
    assert isinstance(model, EnergySplit)
    assert model.blend.edges == (0.3, 0.8)
    first, second, third = (dict(expert.named_parameters()) for expert in model.experts)
    assert first.keys() == second.keys() == third.keys()
    assert any(not torch.equal(first[name], second[name]) for name in first)
