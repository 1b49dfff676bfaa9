import pytest

from molgen import memory

MEMINFO = "MemTotal:       100 kB\nMemFree:          1 kB\nMemAvailable:    50 kB\n"


@pytest.mark.parametrize(
    ("most", "used", "expected"),
    [(None, None, 50 * 1024), ("max", "7", 50 * 1024), ("3000", "1000", 2000)],
)
def test_the_least_of_machine_and_group_counts(tmp_path, monkeypatch, most, used, expected):
    (tmp_path / "meminfo").write_text(MEMINFO)
    for name, value in (("memory.max", most), ("memory.current", used)):
        if value is not None:
            (tmp_path / name).write_text(f"{value}\n")
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    assert memory.available_memory() == expected


def test_where_nobody_tells_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "none")
    assert memory.available_memory() is None
