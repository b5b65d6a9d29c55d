"""The races of sixteen uploads as the tests count them: in turns drawn from seeds, and freely as threads run."""

from pathlib import Path

from localaws import EmbeddedAws
from tests.faults import tally
from tests.faults.race_outcome import violations
from tests.faults.race_uploads import Uploads


def race(aws: EmbeddedAws, folder: Path, series: str, in_turns: int, free: int) -> dict[str, list[str]]:
    """So many races; what is wrong, by batch. The batch's name is the seed: `Uploads.arrive` runs one of them again."""
    uploads = Uploads(aws, folder)
    batches = [f"{series}-{number}" for number in range(in_turns + free)]
    for number, batch in enumerate(batches):
        uploads.arrive(batch, free=number >= in_turns)
    wrong = violations(uploads.world, batches)
    tally.add("interleavings", len(batches))
    tally.add("violations", len(wrong))
    print(f"{in_turns} interleavings of the seeds {series}-0 to {series}-{in_turns - 1}, {free} more by free threads")
    return wrong
