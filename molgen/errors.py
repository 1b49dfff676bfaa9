"""The errors a user may meet: one line each, saying what, where and what to do."""


class MolgenError(Exception):
    """A run that cannot go on (exit code 1)."""

    exit_code = 1


class UsageError(MolgenError):
    """Input that cannot be used: a bad option, file, recipe or checkpoint (exit code 2)."""

    exit_code = 2
