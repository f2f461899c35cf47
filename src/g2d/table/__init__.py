"""Own data: a table whose cells hold text, numbers and names of files, and the target."""
