"""From a recipe to finished run folders: build, teach, train, evaluate."""
