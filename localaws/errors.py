"""What can keep the embedded AWS from starting. Each message is one paragraph for a person, with the next step."""


class LocalAwsError(Exception):
    """The embedded AWS cannot do what was asked of this machine (port, Java, disk, state folder)."""


class PortTakenError(LocalAwsError):
    """Something else listens on the port."""


class JavaError(LocalAwsError):
    """No Java 17, which Spark 3.5 needs."""


class StateDirError(LocalAwsError):
    """The state folder cannot be used: not writable, in use by another process, or its disk is full."""
