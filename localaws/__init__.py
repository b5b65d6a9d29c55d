"""The embedded AWS: ministack in this process, extended where it pretends or lacks (see each module's opening).

Only the CLI, the tests and the scripts import it; the product sees AWS clients configured by environment.
"""

from localaws.errors import LocalAwsError
from localaws.server import EmbeddedAws

__all__ = ["EmbeddedAws", "LocalAwsError"]
