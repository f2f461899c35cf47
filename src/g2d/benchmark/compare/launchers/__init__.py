"""Where jobs run, and who watches."""
