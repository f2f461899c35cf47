"""What is said of a table before anything is trained on it."""
