"""The one exception that a user is meant to read."""


class BionerError(Exception):
    """Bad input or a broken promise, told in one line.

    The message says what was expected, what was found, where (file and line), and what to do
    next. Commands print it without a traceback and exit with status 1; any other exception is a
    defect of bioner and keeps its traceback.
    """


class ConfigError(BionerError):
    """A configuration that cannot be run; the message names the experiment or entry and the key."""
