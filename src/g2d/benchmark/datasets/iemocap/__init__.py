"""IEMOCAP: the emotion of a turn in a dialogue of two actors, by sound, face and words."""
