"""From files to batches. Knows `Batch` and `Task`, and nothing of models or methods."""
