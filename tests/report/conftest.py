"""Checks of pages, whichever pillar they are of."""

import re
from html.parser import HTMLParser

import pytest


class Elements(HTMLParser):
    """Tags with their attributes, and unclosed elements of a page."""

    void = ("meta", "link", "input", "br", "img")

    def __init__(self):
        super().__init__()
        self.tags, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def assert_whole():
    """`assert_whole(page)`: every element is closed and nothing is loaded from outside."""

    def check(page):
        parser = Elements()
        parser.feed(page)
        assert parser.open == []
        for tag, attributes in parser.tags:
            for name in ("src", "href", "xlink:href"):
                target = attributes.get(name, "")
                assert target is not None
                assert not re.match(r"(https?:)?//", target), (tag, target)
        assert "@import" not in page
        assert "url(http" not in page
        figures = re.findall(r"<svg", page)
        defined = re.findall(
            r'<(?:clipPath|image|path|g|use)[^>]* id="((?:p|image)[0-9a-f]{8,})"', page
        )
        assert len(defined) == len(set(defined))
        return len(figures)

    return check
