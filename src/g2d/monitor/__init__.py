"""`g2d.doctor`: what each modality learns, measured beside the loop."""

from g2d.monitor.doctor import Doctor, doctor

__all__ = ["Doctor", "doctor"]
