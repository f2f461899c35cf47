"""Frozen unimodal teachers: their outputs, online or from a cache, and their confidence."""
