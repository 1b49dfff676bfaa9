"""Draws steered by rewards: particles, trees, guidance, composed scores and inverse problems."""
