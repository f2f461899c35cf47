"""From a recipe in YAML to the objects it describes; `shipped/` holds one recipe a dataset."""
