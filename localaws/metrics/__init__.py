"""The metrics that AWS services count themselves, and alarms that follow them at once.

*ministack*: of the services of this project only Lambda counts, and only synchronous invocations; alarms look at a
metric regardless of its dimensions, only when PutMetricData is called, never go back by themselves, know neither
missing data nor metric math, and mail JSON.
*AWS*: see each module for the metrics; alarms are evaluated every minute.
*Here*: as on AWS, but alarms are evaluated at once when a metric is counted and otherwise every second, over windows
that end now. A data point keeps the real time at which it was counted and ages with the lake's clock.
"""

from localaws.metrics.record import emit

__all__ = ["emit"]
