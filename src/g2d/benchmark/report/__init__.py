"""From a folder of runs to one page that needs nothing else."""
