import pytest
import torch
from torch import nn

from molgen.core.ema import EMA
from molgen.errors import UsageError


class Model(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), value, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


def run(decay: float, values: list[float]) -> EMA:
    model = Model(0.0)
    ema = EMA(model, decay)
    for k, value in enumerate(values):
        with torch.no_grad():
            model.weight.fill_(value)
            model.count.fill_(k)
        ema.update(model)
    return ema


def test_average_follows_its_recursion():
    values = [1.0, 3.0, -2.0, 0.5]
    expected = 0.0
    for k, value in enumerate(values):
        d = min(0.3, (1 + k) / (10 + k))
        expected = d * expected + (1 - d) * value
    shadow = run(0.3, values).shadow
    torch.testing.assert_close(shadow["weight"], torch.full((3,), expected).double())
    assert shadow["count"] == 3


def test_large_decay_means_long_memory():
    """The weight of the old average is `decay`, not one minus it."""
    values = [0.0] * 20_000 + [1.0] * 100
    found = run(0.999, values).shadow["weight"][0].item()
    assert found == pytest.approx(1 - 0.999**100, rel=1e-9)


def test_average_of_noisy_weights_is_quieter_than_the_weights():
    """Its variance is (1 - d) / (1 + d) of theirs: 1/19 at d = 0.9."""
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(0)).tolist()
    model, seen = Model(0.0), []
    ema = EMA(model, 0.9)
    for value in noise:
        with torch.no_grad():
            model.weight.fill_(value)
        ema.update(model)
        seen.append(ema.shadow["weight"][0].item())
    # About 20000 / 19 independent values: 5 sqrt(2 / 1050).
    assert torch.tensor(seen).var().item() == pytest.approx(1 / 19, rel=0.22)


def test_restored_average_goes_on_to_the_bit():
    values = [0.1 * k**2 for k in range(20)]
    whole = run(0.9, values)
    half = run(0.9, values[:10])
    model = Model(0.0)
    again = EMA(model, 0.9)
    again.restore(half.state())
    for k, value in enumerate(values[10:]):
        with torch.no_grad():
            model.weight.fill_(value)
            model.count.fill_(10 + k)
        again.update(model)
    for name, value in whole.shadow.items():
        assert torch.equal(value, again.shadow[name])


def test_average_does_not_share_memory_with_the_model():
    model = Model(1.0)
    ema = EMA(model, 0.5)
    with torch.no_grad():
        model.weight.fill_(7.0)
    assert (ema.shadow["weight"] == 1.0).all()


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_outside_its_range_is_refused(decay):
    with pytest.raises(UsageError, match="decay"):
        EMA(Model(0.0), decay)
