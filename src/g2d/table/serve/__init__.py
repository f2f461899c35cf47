"""A trained run behind HTTP: what is asked, within which limits, and a page to ask from."""
