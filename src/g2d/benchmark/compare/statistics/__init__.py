"""Statistics over seeds and test samples, one idea a file."""
