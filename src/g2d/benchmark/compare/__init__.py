"""Many runs side by side: grids, cells, where they run."""
