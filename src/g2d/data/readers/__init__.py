"""How a modality comes out of a store: one way, one file."""
