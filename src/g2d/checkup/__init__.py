"""A check-up of a training that runs: what each modality learns, measured beside the loop."""

from g2d.checkup.doctor import Doctor, doctor

__all__ = ["Doctor", "doctor"]
