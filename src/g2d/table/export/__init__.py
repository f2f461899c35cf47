"""A run as a program for other runtimes: PyTorch export and ONNX."""
