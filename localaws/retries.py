"""How long a Step Functions task waits before it is tried again."""

import random
from typing import Any

Data = dict[str, Any]


def with_delay(retrier: Data, tries: int) -> Data:
    """A Retry that waits as AWS does after so many tries: `MaxDelaySeconds` and `JitterStrategy` count too.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** tries
    seconds = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    if retrier.get("JitterStrategy") == "FULL":
        seconds = random.uniform(0, seconds)
    return {**retrier, "IntervalSeconds": seconds, "BackoffRate": 1}
