"""From a folder of original files to a prepared store: in parallel, resumable, with reasons."""

from g2d.data.preparation.assemble import assemble
from g2d.data.preparation.inspection import inspect
from g2d.data.preparation.sample import Counted, Decode, Sample, UnusableError, readable

__all__ = ["Counted", "Decode", "Sample", "UnusableError", "assemble", "inspect", "readable"]
