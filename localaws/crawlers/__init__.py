"""Glue crawlers that really crawl.

*ministack*: a timer flips the crawler's state; no table, no event, no log, no permission is asked.
*AWS*: a crawl reads the targets with the crawler's role, infers tables and partitions, changes the catalog by the
crawler's policies, logs to `/aws-glue/crawlers` and reports start and end as `Glue Crawler State Change`.
*Here*: as on AWS for S3, native Delta and catalog targets, in seconds; the modules say what is simplified. The crawl
runs in a thread of the server. Schedules are not fired here: `scheduled` names them for who drives the clock.
"""

from localaws.crawlers.api import install, scheduled, start
from localaws.crawlers.runs import close_lost_crawls, end_all

__all__ = ["close_lost_crawls", "end_all", "install", "scheduled", "start"]
