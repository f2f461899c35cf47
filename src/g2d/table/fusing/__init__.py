"""Predictions of models that somebody has already, fused by fitted weights."""
