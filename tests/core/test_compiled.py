import warnings
from functools import partial

import pytest
import torch
from torch._inductor import config as inductor

from molgen.core.batch import Batch, DenseRows
from molgen.core.compiled import compiled
from molgen.core.models import EnergyModel
from molgen.core.models.experts import EnergySplit
from molgen.core.processes import VE
from molgen.errors import MolgenError


def wave(x, *, shift=0.0):
    return torch.sin(x + shift) * x.square() + torch.cos(2 * x)


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()


def test_compiled_and_plain_give_the_same_numbers_and_gradients(generator):
    fused = compiled(wave, "the wave")
    x = torch.randn(1000, generator=generator, dtype=torch.float64)
    left, right = x.clone().requires_grad_(), x.clone().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fused(left, shift=0.3)
    torch.testing.assert_close(found, wave(right, shift=0.3))
    found.sum().backward()
    wave(right, shift=0.3).sum().backward()
    torch.testing.assert_close(left.grad, right.grad)


@pytest.mark.parametrize(("sizes_vary", "programs"), [(True, 1), (False, 3)])
def test_one_program_for_any_size_or_one_for_each(generator, sizes_vary, programs):
    seen = []

    def backend(graph, inputs):
        seen.append(graph)
        return graph.forward

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "compile", partial(torch.compile, backend=backend))
        fused = compiled(wave, "the wave", sizes_vary=sizes_vary)
    for size in (5, 6, 7, 5):
        x = torch.randn(size, generator=generator)
        torch.testing.assert_close(fused(x), wave(x))
    assert len(seen) == programs


@pytest.mark.parametrize("lost", ["compiler", "everything"])
def test_without_a_compiler_it_runs_plain_with_one_warning(monkeypatch, generator, lost):
    def fail(*args, **kwargs):
        raise RuntimeError("no room on this machine\nand more lines")

    settings = {}
    if lost == "compiler":
        settings = {"cpp.cxx": ("no_such_compiler",), "fx_graph_cache": False}
    else:  # whatever the reason is that compiling fails
        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=fail))
    fused = compiled(wave, "the wave")
    x = torch.randn(777, generator=generator)  # a size that no other test has compiled
    with warnings.catch_warnings(record=True) as caught, inductor.patch(settings):
        warnings.simplefilter("always")
        found = [fused(x), fused(x), fused(2 * x)]
    own = [str(w.message) for w in caught if "the wave" in str(w.message)]
    assert len(own) == 1
    assert own[0].startswith("the wave runs uncompiled, slower: ")
    assert "\n" not in own[0]
    assert torch.equal(found[0], wave(x))
    assert torch.equal(found[2], wave(2 * x))


@pytest.mark.parametrize("off", [1e-4, 0.1])
def test_a_program_that_answers_something_else_is_not_used(monkeypatch, generator, off):
    """Rounding passes; what a compiler leaves out does not."""

    def backend(graph, inputs):
        def run(*given):
            return [
                one * (1 + off) if one.is_floating_point() else one for one in graph.forward(*given)
            ]

        return run

    def evaluate(x):
        return {"force": (wave(x), x.square()), "count": torch.tensor(len(x))}

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    fused = compiled(evaluate, "the wave")
    x = torch.randn(1000, generator=generator)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first, second = fused(x)["force"][0], fused(x + 1)["force"][0]
    own = [str(w.message) for w in caught if "the wave" in str(w.message)]
    if off == 0.1:
        reason = "the compiled program answers something else"
        assert own == [f"the wave runs uncompiled, slower: {reason}"]
        assert torch.equal(first, wave(x))
        assert torch.equal(second, wave(x + 1))
    else:
        assert own == []
        torch.testing.assert_close(second, (1 + off) * wave(x + 1))


def test_an_error_of_the_function_itself_is_not_hidden():
    def fails(x):
        raise MolgenError("chain 3 blew up")

    with pytest.raises(MolgenError, match="chain 3"):
        compiled(fails, "it")(torch.ones(2))


class Small(EnergyModel):
    """An energy with weights of its own."""

    def __init__(self, process):
        super().__init__({"x": process})
        self.net = torch.nn.Sequential(
            torch.nn.Linear(2, 5), torch.nn.SiLU(), torch.nn.Linear(5, 1)
        )

    def energy(self, batch, t):
        return self.net(torch.cat([batch.state["x"].sum(1), t[:, None]], dim=1))[:, 0]


def test_experts_share_one_program_whatever_their_shares(monkeypatch, generator):
    """Each with its own weights: the same numbers as plain, at several splits of batches."""
    programs = []

    def backend(graph, inputs):
        programs.append(graph)
        return graph.forward

    torch.manual_seed(0)
    process = VE(sigma_max=3.0)
    model = EnergySplit([Small(process) for _ in range(3)], [0.3, 0.7])

    def ask(count):
        x = torch.randn(count, 4, 1, generator=generator)
        t = torch.rand(count, generator=generator)
        return Batch({"x": x}, {"x": DenseRows(count, (4,))}), t

    questions = [ask(count) for count in (64, 64, 96, 33)]
    plain = [model.evaluate(*question, rate=True) for question in questions]
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    model.accelerate()
    for question, expected in zip(questions, plain, strict=True):
        found = model.evaluate(*question, rate=True)
        torch.testing.assert_close(found.energy, expected.energy)
        torch.testing.assert_close(found.rate, expected.rate)
        torch.testing.assert_close(found.score["x"], expected.score["x"])
    assert len(programs) == 1
