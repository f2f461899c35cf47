"""A trained run behind HTTP: requests, their limits, and a page to send them from."""
