"""What is reported of a table before anything is trained on it."""
