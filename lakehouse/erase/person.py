"""Who is to be forgotten, and which fields and texts speak of them. Pure."""

import json
import re
from dataclasses import dataclass, field
from functools import cached_property

SHORTEST_WORD, SHORTEST_NUMBER = 3, 10
"""Characters from which a value, or one of digits alone, can be told from others by itself."""
_INSIDE = rb"[0-9A-Za-z_\x80-\xff]"


@dataclass(frozen=True)
class Person:
    """A value of the columns that say whose row it is."""

    value: str
    columns: frozenset[str]
    """Names of those columns in the pipeline's datasets; gold's columns of these names mean the same."""
    traces: frozenset[str] = field(default=frozenset(), repr=False)
    """Further texts that were found in this person's records and in no other's: name, address, e-mail."""
    tokens: frozenset[str] = frozenset()
    """What stands for the value and the traces where tokens do: see lakehouse.tokens."""

    @property
    def distinctive(self) -> bool:
        """Whether the value means this person wherever it stands. `5` does not: there the column decides."""
        return len(self.value) >= (SHORTEST_NUMBER if self.value.isdigit() else SHORTEST_WORD)

    @cached_property
    def raw(self) -> bytes:
        """The value as UTF-8."""
        return self.value.encode()

    def word(self, data: bytes) -> bool:
        """Whether the value stands in a record as a whole word, distinctive or not."""
        return self.raw in data and self._word.search(data) is not None

    def mentioned(self, data: bytes) -> bool:
        """Whether text speaks of this person: the value as a whole word (beside its column's name where it is not
        distinctive), also in UTF-16, a trace or a token."""
        return self._named(data) or self.traced(data) or any(token.encode() in data for token in self.tokens)

    def traced(self, data: bytes) -> bool:
        """Whether a trace stands in text."""
        return any(trace in data for trace in self._raw_traces)

    def mentioned_in(self, text: str) -> bool:
        """The same of text that is decoded already."""
        return self.mentioned(text.encode("utf-8", "surrogatepass"))

    def _named(self, data: bytes) -> bool:
        if not self.distinctive:
            return self.raw in data and self._beside_its_column.search(data) is not None
        return self.word(data) or any(raw in data for raw in self._foreign)

    @cached_property
    def _word(self) -> re.Pattern[bytes]:
        return re.compile(b"(?<!%b)%b(?!%b)" % (_INSIDE, re.escape(self.raw), _INSIDE))

    @cached_property
    def _beside_its_column(self) -> re.Pattern[bytes]:
        names = b"|".join(re.escape(name.encode()) for name in sorted(self.columns))
        return re.compile(rb"(?<!\w)(?:%b)[^\w\r\n]{1,6}%b(?!%b)" % (names, re.escape(self.raw), _INSIDE))

    @cached_property
    def _foreign(self) -> tuple[bytes, ...]:
        return tuple(self.value.encode(encoding) for encoding in ("utf-16-le", "utf-16-be"))

    @cached_property
    def _raw_traces(self) -> tuple[bytes, ...]:
        """Each as it is and as JSON may write it."""
        forms = ((text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1]) for text in self.traces)
        return tuple({one.encode("utf-8", "surrogatepass") for some in forms for one in some})
