"""Basins of conformers: counts, their free energies, and what frames of chains are worth."""

import numpy as np
import pytest

from molgen.md.evaluation.basins import basin_summary
from molgen.md.system import load_system


@pytest.fixture(scope="module")
def surface():
    return load_system("mueller_brown")


INSIDE = {"upper": (-0.5, 1.5), "middle": (0.0, 0.5), "lower": (0.6, 0.0)}


def points_in(system, shares, count, random):
    """A point of each basin, so often."""
    points = np.array([INSIDE[basin.name] for basin in system.basins], dtype=np.float32)
    chosen = random.choice(len(points), count, p=shares)
    return points[chosen][:, None], chosen


def test_free_energies_are_logarithms_of_counts_with_binomial_errors(surface):
    shares = np.full(len(surface.basins), 0.2 / (len(surface.basins) - 1))
    shares[0] = 0.8
    x, chosen = points_in(surface, shares, 4000, np.random.default_rng(1))
    said = basin_summary(surface, surface.mapping("all"), x)["basins"]
    counts = np.bincount(chosen)
    for number, basin in enumerate(surface.basins):
        population = said[basin.name]["population"]
        p = counts[number] / 4000
        assert population["value"] == pytest.approx(p)
        assert population["high"] - p == pytest.approx(1.96 * (p * (1 - p) / 4000) ** 0.5, rel=0.2)
        if number:
            found = said[basin.name]["free_energy"]
            assert found["value"] == pytest.approx(-np.log(counts[number] / counts[0]))
            sd = (1 / counts[number] + 1 / counts[0]) ** 0.5
            assert found["high"] - found["value"] == pytest.approx(1.96 * sd, rel=0.2)


def test_frames_of_a_chain_count_as_one_where_it_never_leaves(surface):
    shares = np.full(len(surface.basins), 1 / len(surface.basins))
    x, _ = points_in(surface, shares, 60, np.random.default_rng(2))
    frames, labels = x.repeat(100, axis=0), np.arange(60).repeat(100)
    name = surface.basins[0].name
    whole = surface.mapping("all")
    of_chains = basin_summary(surface, whole, frames, labels)["basins"][name]["population"]
    alone = basin_summary(surface, whole, x)["basins"][name]["population"]
    width = alone["high"] - alone["low"]
    assert of_chains["high"] - of_chains["low"] == pytest.approx(width, rel=0.3)


def test_one_chain_is_worth_its_blocks(surface):
    """Every twentieth of it in a place of its own: twenty independent looks, not 2000."""
    shares = np.full(len(surface.basins), 1 / len(surface.basins))
    x, _ = points_in(surface, shares, 20, np.random.default_rng(3))
    name, whole = surface.basins[0].name, surface.mapping("all")
    one = basin_summary(surface, whole, x.repeat(100, axis=0), np.zeros(2000, np.int64))
    population = one["basins"][name]["population"]
    p = population["value"]
    assert population["high"] - p == pytest.approx(1.96 * (p * (1 - p) / 20) ** 0.5, rel=0.4)


def test_beads_without_the_dihedrals_say_nothing():
    system = load_system("ala2")
    mapping = system.atoms.choose("two", [4, 6])
    assert basin_summary(system, mapping, np.zeros((5, 2, 3), np.float32)) == {}
