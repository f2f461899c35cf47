"""Predictions of models that the user has already, fused by fitted weights."""
