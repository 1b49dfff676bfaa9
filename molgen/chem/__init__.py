"""Molecules as labelled graphs: reading, checking and writing them. RDKit and numpy, no torch."""
