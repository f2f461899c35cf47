"""What numbers over seeds and test samples say: one idea, one file."""
