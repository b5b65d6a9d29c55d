"""What a person can mend: shown as a message with its next step, never as a stack trace."""

from lakehouse.errors import LakeError


class CliError(LakeError):
    """A command cannot do what was asked. `hint` is the next step."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
