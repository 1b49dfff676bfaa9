import tomllib

import pytest

from molgen import toml
from molgen.errors import UsageError

AWKWARD = {
    "text": 'a "quote", a \\ backslash, a\nnew line, a tab\t, a bell \x07, a delete \x7f, Ångström',
    "empty": "",
    "whole": -7,
    "real": [1e-05, 1e22, -0.0, 0.1, 123456789.123456789],
    "yes": True,
    "none": [],
    "nested": [[1, 2], [3]],
    "mixed": [{"a": 1, "b": {"c": 2}}, {"a": 2}],
    "table": {"inner": {"key with space": 1, "ünicode": 2}, "after": 3},
    "tables": [{"x": 1, "deep": {"y": [1, 2]}, "more": [{"z": 1}]}, {"x": 2}],
    "last": 1,
}


def test_written_toml_reads_back_the_same():
    assert tomllib.loads(toml.dumps(AWKWARD)) == AWKWARD


def test_none_is_left_out():
    assert tomllib.loads(toml.dumps({"a": None, "b": {"c": None, "d": 1}})) == {"b": {"d": 1}}


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a = \n", "line 1"), (b"\xff\xfe", "not a text file"), (None, "no such file")],
)
def test_a_bad_file_is_named(tmp_path, content, words):
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as caught:
        toml.read(path)
    assert str(path) in str(caught.value)
