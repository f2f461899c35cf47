"""Grids that come with g2d: the tables and figures of the paper, one YAML file each."""
