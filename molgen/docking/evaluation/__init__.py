"""Docking judged: our own and other programs', on complexes whose pose is known."""
