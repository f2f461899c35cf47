"""CMU-MOSEI: the sentiment of a sentence in a talk, by sound, face and words, word by word."""
