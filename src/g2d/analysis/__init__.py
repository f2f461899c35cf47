"""Questions to finished runs, one a file."""
