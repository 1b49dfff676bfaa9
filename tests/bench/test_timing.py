import time

import pytest
import torch

from molgen.bench.profile import shares
from molgen.bench.timing import Rate, growth_mb


def test_a_rate_is_of_calls_and_not_of_the_first():
    waits = [0.2]

    def call():
        time.sleep(waits.pop() if waits else 0.01)

    # never faster than it sleeps; slower where the machine is busy
    assert 20 < Rate(repeats=3, seconds=0.05)(call) <= 100


def test_something_short_may_warm_up_for_something_long():
    called = []
    rate = Rate(repeats=2, seconds=0.0)
    rate(lambda: called.append("long"), lambda: called.append("short"))
    assert called == ["short", "long", "long"]


def allocate(megabytes):
    return torch.ones(megabytes * 250_000)


def test_memory_is_what_a_process_of_its_own_grows_by():
    # torch's first tensor costs some megabytes of its own
    assert growth_mb(allocate, 200) == pytest.approx(200, abs=20)


def test_shares_find_what_takes_the_time():
    a = torch.randn(400, 400)
    found = shares(lambda: (a @ a).relu())
    assert sum(found.values()) == pytest.approx(1)
    assert next(iter(found)) == "matrix products"
