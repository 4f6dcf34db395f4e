"""Who may open a Unix socket: its mode, its group, and who is in that."""

import grp
import pwd
import stat
from pathlib import Path

__all__ = ["only_owner"]


def only_owner(path: Path) -> str:
    """Return what a socket's file says of itself if its owner alone (and root) may open it.

    '' where others may, or where that can't be told. The folders on the way aren't looked at.
    """
    try:
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        if mode & stat.S_IWOTH:
            return ""
        if mode & stat.S_IWGRP and _others(found.st_uid, found.st_gid):
            return ""
        owner, group = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
    except (OSError, KeyError):  # gone again, or known by number alone
        return ""
    return f"mode {mode:04o}, {owner}:{group}"


def _others(owner: int, group: int) -> bool:
    """Tell whether a group has members other than the owner and root."""
    members = {user.pw_uid for user in pwd.getpwall() if user.pw_gid == group}
    for name in grp.getgrgid(group).gr_mem:
        members.add(pwd.getpwnam(name).pw_uid)
    return bool(members - {owner, 0})
