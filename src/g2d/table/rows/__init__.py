"""Which rows of a table are used for what, and how they are kept."""
