"""Graphs, molecular or plain, that diffuse as node types and bond types."""
