"""How much memory this process may still use."""

from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Bytes that may be used without another having to give way; None where nobody tells.

    What Linux says of the machine, or of the group that the process is in if that leaves less.
    """
    free = []
    try:
        lines = _MEMORY.read_text().splitlines()
        free += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")]
        most, used = ((_GROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        if most.strip() != "max":
            free.append(int(most) - int(used))
    except (OSError, ValueError):
        pass
    return min(free, default=None)
