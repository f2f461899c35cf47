"""The same number of trials for every method, on validation alone."""
