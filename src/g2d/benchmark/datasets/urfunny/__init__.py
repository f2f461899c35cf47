"""UR-FUNNY: is the punchline of a talk funny? Sound, face and words of it, word by word."""
