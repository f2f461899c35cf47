"""Predictors without a network: what they read, how they are fitted, floors for those with one."""
