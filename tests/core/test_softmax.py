import pytest
import torch

from molgen.core.softmax import log_softmax, softmax


@pytest.mark.parametrize("width", [1, 4, 9, 20])
def test_they_are_those_of_torch_with_derivatives(width, generator):
    x = torch.randn(3, 5, width, generator=generator, dtype=torch.float64, requires_grad=True)
    for own, theirs in ((softmax, torch.softmax), (log_softmax, torch.log_softmax)):
        torch.testing.assert_close(own(x), theirs(x, -1))
        assert torch.autograd.gradcheck(own, x)


def test_neither_overflows():
    x = torch.tensor([1e30, 0.0, -1e30], dtype=torch.float64)
    assert softmax(x).tolist() == [1, 0, 0]
    assert log_softmax(x).tolist() == [0, -1e30, -2e30]
