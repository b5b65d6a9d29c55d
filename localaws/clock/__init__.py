"""The clock of the embedded AWS: what is fired by time, and time itself, which a test or a person can let pass quickly.

*ministack*: looks at schedules every 10 seconds; `rate()` rules drift, a restarted one fires at once; no way to let a
day pass. Cron expressions are hardly checked, those of a template not at all.
*AWS*: events of a rule carry the moment they stand for; a rate's first one comes a period after the rule was made.
*Here*: as on AWS, to the second. `Clock.advance` and `Clock.run_until` move the lake's time forward and fire everything
that was due meanwhile, in order, waiting for the targets at each moment. What such a moment fires may itself take real
time; the lake's time is never behind it. What was due while no server ran is not made up for.
"""

from localaws.clock.driver import Clock, Fired, Occurrence, Wait

__all__ = ["Clock", "Fired", "Occurrence", "Wait"]
