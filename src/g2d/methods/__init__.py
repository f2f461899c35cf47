"""Methods, one file each. They know models and teachers, and neither data nor the engine."""
