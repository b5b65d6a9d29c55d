"""Contracts that change while the lake runs, as a story that either engine can be put through."""

from collections import Counter

from lakehouse.batches.decide import run_needed
from tests.faults.late_lake import LateLake, Rows, item

DAY, NEXT = "2026-05-01", "2026-05-02"
PIECES = '  { name = "pieces", type = "int", comment = "How many" },\n]\n\n[gold.city_pieces]'
"""The dataset's last column in the contract."""
WITH_NOTE = PIECES.replace("]\n\n", '  { name = "note", type = "string", required = false, comment = "Any" },\n]\n\n')
AS_LONG = PIECES.replace('"int"', '"long"')

KEY_AS_TEXT, KEY_AS_NUMBER = (
    f'"item_id", type = "{kind}", comment = "Identity of the thing" }},\n  {{ name = "city"'
    for kind in ("string", "long")
)


def notes(silver: Rows) -> dict[str, str | None]:
    """Note by identity of the row."""
    return {row[3]: row[6] for row in silver}


def gains_an_optional_column(lake: LateLake) -> None:
    """Old files stay as they are, their rows have no value there; new ones carry it; gold goes on as before."""
    lake.bring(DAY, "a", [item(1, 1), item(2, 2)])
    old = lake.slot("bronze/shelf/items/day=2026-05-01/a.ndjson")
    lake.change_contract((PIECES, WITH_NOTE))
    lake.bring(DAY, "b", [item(3, 3, "Bb", note="new"), item(4, 4, "Bb")])
    lake.bring(NEXT, "a", [item(1, 10, note="newer")])
    assert notes(lake.silver()) in (
        {"i1": None, "i2": None, "i3": "new", "i4": None},
        {"i1": "newer", "i2": None, "i3": "new", "i4": None},
    ), "i1 is in silver twice: the row of each day"
    assert lake.slot(old.key) == old, "nobody judges a file anew of whom no event comes"
    assert lake.gold()["city_pieces"] == Counter([("Aa", 12), ("Bb", 7)])
    before = lake.silver()
    (compacted,) = lake.compact("2026-05-03T03:00:00Z")
    assert compacted["files"] == 2
    assert lake.silver() == before
    lake.bring(NEXT, "b", [item(5, 5, note="last")])
    assert lake.gold()["city_pieces"] == Counter([("Aa", 17), ("Bb", 7)])
    assert lake.gold()["items_by_day"].total() == 5


def changes_a_type_and_back(lake: LateLake) -> None:
    """Refused at the commit, before silver or gold change; what was judged meanwhile is judged again."""
    lake.bring(DAY, "a", [item(1, 1), item(2, 2)])
    silver, gold = lake.silver(), lake.gold()
    lake.change_contract((PIECES, AS_LONG))
    wrong = lake.bring(DAY, "b", [item(3, 3)])
    assert reason_of_failure(lake).startswith("ContractError: s3://")
    assert "silver/shelf/items: column 'pieces' is int in the table and long in the contract" in reason_of_failure(lake)
    (letter,) = lake.letters("run_failed")
    assert (letter["batch"], letter["error"]) == (DAY, "ContractError")
    assert "What readers see of shelf is as it was before" in letter["text"]
    assert lake.gold() == gold
    lake.change_contract((AS_LONG, PIECES))
    assert lake.silver() == silver
    lake.bring(DAY, "c", [item(4, 4)])
    assert f"{wrong} was judged with 'pieces' as long, which is int now" in reason_of_failure(lake)
    assert (lake.silver(), lake.gold()) == (silver, gold)
    lake.event(wrong)
    lake.run_all()
    assert lake.slot(wrong).revision == 2


def changes_a_keys_type_and_back(lake: LateLake) -> None:
    """The partitions that a run touches are found by keys of files that its batch held once: not by that one's."""
    lake.bring(DAY, "a", [item(1, 1)])
    lake.bring(NEXT, "a", [item(1, 10)])
    lake.change_contract((KEY_AS_TEXT, KEY_AS_NUMBER))
    lake.bring(DAY, "b", [{"item_id": 7, "city": "Aa", "pieces": 7}])
    lake.change_contract((KEY_AS_NUMBER, KEY_AS_TEXT))
    lake.bring(DAY, "b", [item(2, 2)])


def reason_of_failure(lake: LateLake) -> str:
    """What the ledger says of the run that the day needs, which failed."""
    needed = run_needed(lake.pipeline, lake.world.ledger.batch("shelf", DAY))
    assert needed is not None
    run = lake.run_of(needed.run_id, DAY)
    assert run.status == "failed"
    assert run.error is not None
    return run.error
