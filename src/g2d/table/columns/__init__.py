"""What the columns of a table are, and the one that is to be predicted."""
