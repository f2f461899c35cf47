"""Recipes, one a dataset."""
