"""Clips of ten seconds, seen and heard: what VGGSound and Kinetics-Sounds have in common."""
