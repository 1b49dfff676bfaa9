"""Published numbers beside those of an evaluation."""

from molgen import toml
from molgen.md.evaluation.options import published
from molgen.md.system import load_system
from molgen.resources import shipped


def test_published_numbers_are_quoted_for_shipped_systems():
    everything = toml.read(shipped("data") / "published.toml")
    for system, by_mapping in everything.items():
        for mapping, quoted in by_mapping.items():
            known = load_system("peptide:KS" if system == "dipeptides" else system)
            assert known.mapping(mapping).name == mapping
            assert published(system, mapping) == quoted
            for by_source in quoted.values():
                assert set(by_source) <= {"iid", "simulation"}
                assert all(set(values) <= {"js", "pmf"} for values in by_source.values())
    assert published("ala2", "backbone5")["ScoreMD, both, final"]["simulation"]["pmf"] == 0.091
    assert published("double_well_1d", "all") == {}
