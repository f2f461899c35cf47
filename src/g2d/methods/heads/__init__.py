"""The heads and fusions that methods bring with them, each named after its method."""
