"""The paper's own numbers, to stand beside measured ones."""
