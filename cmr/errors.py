"""Errors whose message is one sentence for the user: what is wrong, where, and the mend."""


class CmrError(Exception):
    """Base of every error that a command turns into one line and exit code 1."""


class DataError(CmrError):
    """A raw data set, an image or a feature file is not as its format says."""


class WorkspaceError(CmrError):
    """The workspace lacks a file, or holds one that does not fit the others."""


class ConfigError(CmrError):
    """Settings that can't work together; the message names the flags."""
