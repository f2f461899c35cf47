"""Files of tables, and what the cells in them mean."""
