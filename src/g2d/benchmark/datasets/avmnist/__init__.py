"""AV-MNIST: a handwritten digit, blurred, and the same digit spoken, in noise.

Two things go by that name. `AVMNIST` is ours, made by `prepare` from public files, every row of
which can be traced. `AVMNISTArchive` reads the copy in circulation, and `check` reports what is
wrong with it.
"""
