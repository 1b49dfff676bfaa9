"""The frame of every page: one HTML file that loads nothing from outside."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

import molgen

ASSETS = Path(__file__).parent / "assets"


def fill(template: str, **content: Any) -> str:
    """A page's text: a template of `assets`, which extends `base.html`, with its content."""
    environment = Environment(
        loader=FileSystemLoader(ASSETS), autoescape=select_autoescape(), trim_blocks=True
    )
    return environment.get_template(template).render(
        version=molgen.__version__,
        style=(ASSETS / "style.css").read_text(encoding="utf-8"),
        **content,
    )
