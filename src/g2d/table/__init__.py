"""Somebody's own data: a table whose cells name files, hold text and numbers, and the answer."""
