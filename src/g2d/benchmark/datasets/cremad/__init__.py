"""CREMA-D: 91 actors say a sentence with one of six emotions, seen and heard."""
