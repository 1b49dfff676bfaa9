"""Time grids by the words of recipes and users."""

import pytest
import torch

from molgen.core.grids import karras, window
from molgen.core.processes import VP
from molgen.errors import UsageError
from molgen.grid import grid_of


def test_options_reach_the_grid():
    process = VP()
    assert torch.equal(grid_of("karras")(process, 9), karras(process, 9))
    found = grid_of("window,low=0.2,high=3,share=0.5")(process, 9)
    assert torch.equal(found, window(process, 9, low=0.2, high=3.0, share=0.5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("karas", "did you mean 'karras'"),
        ("window,width=3", "no key 'width'"),
        ("window,low=0", "a number above 0 is needed"),
        ("window,low=nan", "a number above 0 is needed"),
        ("window,low=2,high=1", "low < high and 0 < share < 1 are needed"),
        ("window,low=2", "low < high"),  # the usual high is less
        ("window,share=1", "share = 1"),
        ("window,low", "is not OPTION=VALUE"),
    ],
)
def test_what_is_no_grid_is_said_so(text, message):
    with pytest.raises(UsageError, match=message):
        grid_of(text)
