"""Kinetics-Sounds: the classes of Kinetics-400 that are heard as well as seen."""
