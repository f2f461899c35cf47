"""Datasets by name. Here, and nowhere else in `g2d`, are modalities called by name."""
