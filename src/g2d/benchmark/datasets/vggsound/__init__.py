"""VGGSound: ten seconds of 309 kinds of events, from videos of the public."""
