import json

import pytest

from molgen.errors import UsageError
from molgen.report.diagnosis import page, render, value_text

FINDING = {
    "title": "A thing",
    "about": "what it is",
    "verdict": "It is <so>.",
    "mood": "fair",
    "scale": "size: good up to 1",
    "numbers": [
        {"name": "size", "value": 0.123, "error": 0.01, "meaning": "how large", "good": "0"},
        {"name": "other", "value": None, "error": None, "meaning": "lost", "good": "0"},
    ],
    "plots": [
        {
            "title": "Size",
            "x_label": "noise",
            "y_label": "size",
            "lines": [
                {
                    "name": "a",
                    "x": [1.0, 10.0],
                    "y": [0.1, None],
                    "low": None,
                    "high": None,
                    "style": "line",
                }
            ],
            "log_x": True,
            "log_y": False,
            "note": "look here",
        }
    ],
}
CONTENT = {
    "pillar": "diagnosis",
    "title": "Diagnosis of x",
    "subtitle": "a model",
    "points": "Points: some.",
    "findings": {
        "thing": FINDING,
        "other": {
            **FINDING,
            "title": "Absent",
            "verdict": "Not measured.",
            "numbers": [],
            "plots": [],
        },
    },
    "provenance": {"checkpoint": "x"},
}


def test_a_page_says_verdict_number_meaning_and_threshold():
    text = render(CONTENT)
    value = "0.123 ±\u00a00.010"
    for part in ("It is &lt;so&gt;.", value, "How large.", "look here", "good up to 1"):
        assert part in text
    assert "not finite" in text
    assert "Absent. Not measured." in text
    assert 'href="#thing"' in text
    assert 'id="thing"' in text
    assert 'href="#other"' not in text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.1234, 0.01, "0.123 ±\u00a00.010"),
        (-3.0, 0.5, "−3.00 ±\u00a00.50"),
        (5.18e-8, 4e-9, "(5.18 ±\u00a00.40) 10⁻⁸"),
        (0.97, None, "0.97"),
        (0.0, None, "0"),
        (None, None, "not finite"),
    ],
)
def test_values_show_what_their_error_allows(value, error, text):
    assert value_text(value, error) == text


def test_a_damaged_diagnosis_is_named(tmp_path):
    (tmp_path / "diagnosis.json").write_text(json.dumps({"report": {"pillar": "diagnosis"}}))
    with pytest.raises(UsageError, match=r"diagnosis\.json: cannot be read"):
        page(tmp_path)
