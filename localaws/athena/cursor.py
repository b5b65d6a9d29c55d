"""Reads a statement token by token: for those that sqlglot keeps as plain text."""

from dataclasses import dataclass

from sqlglot.dialects.hive import Hive
from sqlglot.dialects.trino import Trino
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import TokenType

from localaws.athena.errors import InvalidRequestError, position_of

Value = str | list[str]
"""A property's value: its text, or the texts of an ARRAY."""


_QUOTED = (TokenType.STRING, TokenType.IDENTIFIER)
# sqlglot's tokenizer gives up on a statement that begins with SHOW, UNLOAD, MSCK, …: here none begins with it.
_PREFIX = "("


@dataclass(frozen=True)
class Word:
    """A token and where it lies in the text; `end` is the offset after it."""

    text: str
    start: int
    end: int
    type: TokenType


def words_of(text: str, *, hive: bool = False) -> list[Word]:
    """The tokens of a statement. Raises InvalidRequestError for a text that has none, such as an open quote."""
    try:
        tokens = (Hive() if hive else Trino()).tokenize(_PREFIX + text)[1:]
    except TokenError as error:
        raise InvalidRequestError(f"line 1:1: {error}", "MALFORMED_QUERY") from error
    found = []
    for token in tokens:
        start, end = token.start - len(_PREFIX), token.end + 1 - len(_PREFIX)
        # Some keywords are two words to the tokenizer: MSCK REPAIR, GROUP BY.
        parts = [token.text] if token.token_type in _QUOTED else token.text.split() or [token.text]
        found += [Word(part, start, end, token.token_type) for part in parts]
    return found


class Cursor:
    """A position in a statement. `hive` reads backticked names, as Athena's DDL has them."""

    def __init__(self, text: str, *, hive: bool = False) -> None:
        self.text = text
        self._tokens = words_of(text, hive=hive)
        self._next = 0

    @property
    def at_end(self) -> bool:
        return self._next >= len(self._tokens)

    @property
    def offset(self) -> int:
        """Where the next token begins in the text."""
        return len(self.text) if self.at_end else self._tokens[self._next].start

    def words(self, *expected: str) -> bool:
        """Take these keywords if they come next, in any case."""
        following = self._tokens[self._next : self._next + len(expected)]
        if [token.text.lower() for token in following] != list(expected):
            return False
        self._next += len(expected)
        return True

    def require(self, *expected: str) -> None:
        if not self.words(*expected):
            raise self.mismatch(" ".join(expected).upper())

    def name(self) -> tuple[str | None, str]:
        """`[catalog.][database.]name`, lower-case: the database, if given, and the name."""
        parts = [self._part()]
        while self.words("."):
            parts.append(self._part())
        return (parts[-2] if len(parts) > 1 else None), parts[-1]

    def string(self) -> str | None:
        """A string literal, if one comes next."""
        if self.at_end or self._tokens[self._next].type is not TokenType.STRING:
            return None
        return self._take().text

    def required_string(self) -> str:
        found = self.string()
        if found is None:
            raise self.mismatch("string")
        return found

    def names(self) -> list[str]:
        """`(a, b)`, or nothing."""
        if not self.words("("):
            return []
        found = [self._part()]
        while self.words(","):
            found.append(self._part())
        self.require(")")
        return found

    def properties(self) -> dict[str, Value]:
        """`(name = value, …)` with literals and arrays of literals; names lower-case."""
        found: dict[str, Value] = {}
        self.require("(")
        while True:
            key = self._take().text.lower()
            self.require("=")
            found[key] = self._value()
            if self.words(")"):
                return found
            self.require(",")

    def partition(self) -> dict[str, str]:
        """`PARTITION (key = 'value', …)`."""
        self.require("partition")
        return {key: value for key, value in self.properties().items() if isinstance(value, str)}

    def parenthesised(self) -> str:
        """The text between a parenthesis and its partner, padded so that positions in it stay what they are."""
        self.require("(")
        start, depth = self.offset, 1
        while depth:
            token = self._take()
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.type, 0)
            end = token.start
        return padded(self.text, start, end)

    def rest(self) -> str:
        """All that follows, padded likewise."""
        start, self._next = self.offset, len(self._tokens)
        return padded(self.text, start, len(self.text))

    def require_end(self) -> None:
        if not self.at_end:
            raise self.mismatch("end of statement")

    def mismatch(self, expected: str) -> InvalidRequestError:
        found = "<EOF>" if self.at_end else self._tokens[self._next].text
        at = position_of(self.text, self.offset)
        return InvalidRequestError(f"{at}: mismatched input '{found}'. Expecting: {expected}", "MALFORMED_QUERY")

    def _part(self) -> str:
        return self._take().text.lower()

    def _take(self) -> Word:
        if self.at_end:
            raise self.mismatch("more")
        self._next += 1
        return self._tokens[self._next - 1]

    def _value(self) -> Value:
        if not self.words("array"):
            sign = "-" if self.words("-") else ""
            return sign + self._take().text
        closing = ")" if self.words("(") else "]"
        if closing == "]":
            self.require("[")
        found: list[str] = []
        while not self.words(closing):
            found.append(self._take().text)
            self.words(",")
        return found


def padded(text: str, start: int, end: int) -> str:
    """A part of a text at its own place: everything before it becomes blanks."""
    return "".join("\n" if letter == "\n" else " " for letter in text[:start]) + text[start:end]
