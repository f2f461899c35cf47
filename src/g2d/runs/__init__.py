"""A recipe trained into a run folder, and a finished run opened again."""
