"""What datasets of spoken words share: features word by word, in several modalities."""
