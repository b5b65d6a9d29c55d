"""COPY, read word by word. https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html

Understood: a table with or without columns, FROM 's3://prefix', IAM_ROLE 'arn', FORMAT [AS] PARQUET | CSV [QUOTE [AS]],
IGNOREHEADER, DELIMITER, NULL AS, EMPTYASNULL, BLANKSASNULL, GZIP, REGION. Anything else is refused.
"""

from dataclasses import dataclass, replace
from typing import Literal

from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from localaws.redshift.errors import StatementError, failed, unsupported

Format = Literal["PARQUET", "CSV"]


@dataclass(frozen=True)
class CopyCommand:
    """One COPY of files in S3 into a table."""

    table: str
    """`[schema.]table`, lower-case."""
    source: str
    """`s3://bucket/prefix`: every object whose key begins so."""
    columns: tuple[str, ...] = ()
    """Which columns the file's fields are, in order; without them all of the table's."""
    role: str = ""
    format: Format | None = None
    quote: str = '"'
    delimiter: str = ","
    ignore_header: int = 0
    null_as: str = "\\N"
    empty_as_null: bool = False
    blanks_as_null: bool = False
    gzip: bool = False


def read_copy(text: str) -> CopyCommand:
    """Raises StatementError for what it does not understand."""
    words = _Words(text)
    words.require("COPY")
    table = words.name()
    while words.take("."):
        table = f"{table}.{words.name()}"
    columns = words.names()
    words.require("FROM")
    command = CopyCommand(table, words.string(), columns)
    while not words.at_end:
        command = _option(words, command)
    if not command.source.startswith("s3://"):
        raise unsupported(f"COPY FROM '{command.source[:40]}'")
    if not command.role:
        raise failed("COPY needs authorization: IAM_ROLE 'arn:aws:iam::<account>:role/<name>'")
    if command.format is None:
        raise unsupported("COPY without FORMAT AS PARQUET or FORMAT AS CSV")
    _check_columnar(command)
    return command


def _option(words: "_Words", command: CopyCommand) -> CopyCommand:
    if words.take("IAM_ROLE"):
        return replace(command, role=words.string())
    if words.take("REGION"):
        words.take("AS")
        words.string()
        return command
    if words.take("FORMAT"):
        words.take("AS")
        if words.take("PARQUET"):
            return replace(command, format="PARQUET")
    if words.take("CSV"):
        if words.take("QUOTE"):
            words.take("AS")
            return replace(command, format="CSV", quote=words.string())
        return replace(command, format="CSV")
    if words.take("IGNOREHEADER"):
        words.take("AS")
        return replace(command, ignore_header=words.number())
    if words.take("DELIMITER"):
        words.take("AS")
        return replace(command, delimiter=words.string())
    if words.take("NULL"):
        words.require("AS")
        return replace(command, null_as=words.string())
    for word, field in (("EMPTYASNULL", "empty_as_null"), ("BLANKSASNULL", "blanks_as_null"), ("GZIP", "gzip")):
        if words.take(word):
            return replace(command, **{field: True})  # type: ignore[arg-type]
    raise unsupported(f"COPY with {words.next_text}")


def _check_columnar(command: CopyCommand) -> None:
    """The options of text formats do not go with a columnar one."""
    plain = CopyCommand(command.table, command.source, command.columns, command.role, "PARQUET")
    if command.format == "PARQUET" and command != plain:
        raise failed("COPY with FORMAT AS PARQUET takes no options of text files")


class _Words:
    """A position in the statement's tokens."""

    def __init__(self, text: str) -> None:
        try:
            found = Redshift().tokenize(text)
        except TokenError as error:
            raise failed(f"syntax error: {error}") from error
        self._tokens: list[Token] = [token for token in found if token.token_type is not TokenType.SEMICOLON]
        self._next = 0

    @property
    def at_end(self) -> bool:
        return self._next >= len(self._tokens)

    @property
    def next_text(self) -> str:
        return "<end>" if self.at_end else str(self._tokens[self._next].text)

    def take(self, word: str) -> bool:
        if self.at_end or self._is_string() or self.next_text.upper() != word:
            return False
        self._next += 1
        return True

    def require(self, word: str) -> None:
        if not self.take(word):
            raise self._mismatch(word)

    def name(self) -> str:
        if self.at_end or self._is_string():
            raise self._mismatch("a name")
        self._next += 1
        return str(self._tokens[self._next - 1].text).lower()

    def names(self) -> tuple[str, ...]:
        if not self.take("("):
            return ()
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.require(")")
        return tuple(found)

    def string(self) -> str:
        if self.at_end or not self._is_string():
            raise self._mismatch("a string")
        self._next += 1
        return str(self._tokens[self._next - 1].text)

    def number(self) -> int:
        text = self.next_text
        if not text.isdigit():
            raise self._mismatch("a number")
        self._next += 1
        return int(text)

    def _is_string(self) -> bool:
        return self._tokens[self._next].token_type is TokenType.STRING

    def _mismatch(self, expected: str) -> StatementError:
        return failed(f'syntax error at or near "{self.next_text}": expected {expected}')
