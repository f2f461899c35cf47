"""`method: auto`: several ways to train, compared on rows that chose nothing, and the best kept."""
