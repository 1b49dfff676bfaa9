"""Docked poses as a page."""
