"""Methods inside the loops of other libraries, one file each; none is imported by the core."""
