from math import sqrt

import numpy as np
import pytest

from molgen.chem.profile import profile
from molgen.graphs.metrics.metric import bootstrap, floor
from molgen.graphs.metrics.molecules import NSPDK, PROPERTIES, SCAFFOLDS, Molecules
from molgen.graphs.metrics.scaffolds import scaffold_coverage, scaffold_similarity

RINGS = ["c1ccc2ccccc2c1", "C1CC2CC2C1", "C1CC2CCC1C2", "CC", "CCO"]


def test_scaffold_numbers_by_hand():
    x = np.array(["a", "a", "b", "", "c"], dtype=object)
    y = np.array(["a", "b", "b", "", "", "d"], dtype=object)
    # counts (2, 1, 1, 0) and (1, 2, 0, 1) of a, b, c, d
    assert scaffold_similarity(x, y) == pytest.approx(4 / sqrt(6 * 6))
    assert scaffold_coverage(x, y) == pytest.approx(2 / 3)
    nothing = np.array(["", ""], dtype=object)
    assert scaffold_similarity(nothing, y) == scaffold_coverage(nothing, y) == 0


def test_property_distance_is_the_mean_shift_of_sorted_values():
    light, heavy = Molecules(["C", "CC"]), Molecules(["CC", "CCC"])
    methylene = profile("CC").properties["weight"] - profile("C").properties["weight"]
    assert PROPERTIES["weight"](light, heavy) == pytest.approx(methylene, rel=1e-9)


def test_a_set_is_like_itself_in_every_metric():
    rows = Molecules(RINGS)
    for metric in (NSPDK, *PROPERTIES.values()):
        assert metric(rows, rows) == 0
    assert all(metric(rows, rows) == pytest.approx(1) for metric in SCAFFOLDS.values())


def test_what_takes_long_is_kept_for_the_same_molecules_alone(tmp_path):
    first, again, other = (
        Molecules(smiles, kept=tmp_path, name="set") for smiles in (RINGS, RINGS, RINGS[1:])
    )
    for one in (first, again):
        assert one.scaffolds.tolist() == Molecules(RINGS).scaffolds.tolist()
        for name, values in Molecules(RINGS).properties.items():
            np.testing.assert_array_equal(one.properties[name], values)
    written = (tmp_path / "set-profiles.npz").stat().st_mtime_ns
    assert Molecules(RINGS, kept=tmp_path, name="set").scaffolds[0] == first.scaffolds[0]
    assert (tmp_path / "set-profiles.npz").stat().st_mtime_ns == written
    assert len(other.scaffolds) == len(RINGS) - 1  # another set: worked out anew


def test_distance_of_molecules_has_value_interval_and_floor_at_the_same_size():
    pool = ["C" * k for k in range(1, 13)]
    drawn, reference, real = (Molecules(smiles) for smiles in (pool[:4], pool[::2], pool))
    rng = np.random.default_rng(0)
    for metric in (NSPDK, PROPERTIES["weight"]):
        rows, others = metric.describe(drawn), metric.describe(reference)
        measured = bootstrap(metric.distance, rows, others, repeats=40, rng=rng)
        assert measured.value == pytest.approx(metric(drawn, reference))
        assert measured.low <= measured.value <= measured.high
        found = floor(metric.distance, metric.describe(real), others, 4, draws=5, rng=rng)
        assert (found.n, found.draws) == (4, 5)
        # chains of 1-4 against 1-11 differ more than a random four of 1-12 do
        assert measured.value > found.mean


def test_floors_fall_with_the_size_of_the_set():
    smiles = ["C" * k + end for k in range(1, 13) for end in ("", "O", "N")]
    pool, reference = (NSPDK.describe(Molecules(few)) for few in (smiles, smiles[::5]))
    rng = np.random.default_rng(0)
    small, large = (floor(NSPDK.distance, pool, reference, n, rng=rng) for n in (3, 12))
    assert (small.n, large.n) == (3, 12)
    assert small.mean > 2 * large.mean
