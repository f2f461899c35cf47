"""Names that become names of files and folders."""

from __future__ import annotations

from g2d.errors import UserError

# What lies beside the run folders, and is shared by all of them.
SHARED = frozenset(
    {
        *("teachers", "cache", "grids", "failed", "logs", "tables", "figures", "report"),
        *("tuning", "submitted"),
    }
)


def check_file_name(name: str, where: str) -> None:
    """Refuses what would not be one file, or one folder, in the folder it is made in.

    Args:
        name: As the user gives it.
        where: What the user calls it, for the error.

    Raises:
        UserError: It is empty, names another folder, is hidden, or holds what cannot be printed.

    Example:
        >>> check_file_name("table4", "--name")
        >>> check_file_name("../table4", "--name")
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: --name: got '../table4', expected a plain name, without slashes
    """
    if not name or "/" in name or "\\" in name:
        raise UserError(f"{where}: got {name!r}, expected a plain name, without slashes")
    if name.startswith(".") or not name.isprintable() or name != name.strip():
        raise UserError(
            f"{where}: got {name!r}, expected a name that begins with no point and has no space at "
            "its ends"
        )


def check_run_name(name: str, where: str) -> None:
    """Checks the name of a run as `check_file_name` does; names of shared folders are refused too.

    Raises:
        UserError: It is no name of a run folder.
    """
    check_file_name(name, where)
    if name.lower() in SHARED:
        raise UserError(f"{where}: {name!r} is a folder that all runs share; give another name")
