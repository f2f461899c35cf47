"""Which modality is suppressed in a table of one's own, and what to do about it."""
