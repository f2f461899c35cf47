"""`python -m g2d` is the command `g2d`."""

from g2d.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
