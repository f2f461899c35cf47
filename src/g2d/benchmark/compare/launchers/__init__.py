"""Launchers: where jobs run, and what shows their progress."""
