"""Tokens: what stands in the place of a personal value, the same for the same value, and telling nothing without the
key.

A token is HMAC-SHA256 (https://www.rfc-editor.org/rfc/rfc2104) of the value's one way of being written, in hexadecimal
digits. The lake has one secret, in Secrets Manager; each pipeline's key is derived from it, so that a person's tokens
can be joined within a pipeline and not across pipelines. See docs/personal-data.md.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from lakehouse.contract.model import Dataset, Pipeline
from lakehouse.contract.personal import has_tokens
from lakehouse.errors import SettingsError
from lakehouse.names import digest

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

TOKEN_CHARACTERS = 64
SHORTEST_SECRET = 32
"""Characters. The template makes one of 64 letters and digits."""
_VERSION_CHARACTERS = 16


def tokenise(key: bytes, value: str) -> str:
    """The token of a value: 64 hexadecimal digits.

    Args:
        key: of the pipeline, `LakeSecret.key_of`.
        value: as `lakehouse.parse.personal` writes it: text as it is, whole numbers in digits, days as yyyy-MM-dd.
    """
    return hmac.digest(key, value.encode(), "sha256").hex()


class LakeSecret:
    """What all keys of a lake are derived from. Shows itself to nobody: neither in a log nor in a traceback."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        """Raises SettingsError for one that is too short to keep anything."""
        if len(secret.strip()) < SHORTEST_SECRET:
            raise SettingsError(
                f"The secret of tokens has {len(secret.strip())} characters, expected at least {SHORTEST_SECRET}: "
                "see docs/personal-data.md"
            )
        self._secret = secret.strip().encode()

    def key_of(self, pipeline: str) -> bytes:
        """A pipeline's key."""
        return hmac.digest(self._secret, f"pipeline {pipeline}".encode(), "sha256")

    @property
    def version(self) -> str:
        """Names the secret without telling it: a rotated one has another."""
        return tokenise(self._secret, "version")[:_VERSION_CHARACTERS]

    def __repr__(self) -> str:
        return f"<secret {self.version}>"


def read_secret(secrets: "SecretsManagerClient", name: str) -> LakeSecret:
    """The secret that is current in Secrets Manager.

    Raises:
        SettingsError: it holds no text of enough characters.
        botocore's ClientError: there is none, or the caller may not read it.
    """
    return LakeSecret(secrets.get_secret_value(SecretId=name).get("SecretString", ""))


def with_keys(pipelines: Mapping[str, Pipeline], read: Callable[[], LakeSecret]) -> dict[str, Pipeline]:
    """The pipelines, each that has a token column with its key; `read` is called once, or never."""
    once = cache(read)
    return {name: with_key(pipeline, once) for name, pipeline in pipelines.items()}


def with_key(pipeline: Pipeline, read: Callable[[], LakeSecret]) -> Pipeline:
    """The pipeline with its key; as it is where it has no token column, and then nothing is read.

    A dataset with token columns is judged otherwise under another secret, so its contract's hash tells that too.
    """
    columns = [one.columns for one in pipeline.datasets] + [one.columns for one in pipeline.seeds]
    if not any(map(has_tokens, columns)):
        return pipeline
    secret = read()
    key = secret.key_of(pipeline.name)
    return replace(
        pipeline,
        seeds=tuple(replace(seed, token_key=key) for seed in pipeline.seeds),
        datasets=tuple(_keyed(dataset, key, secret.version) for dataset in pipeline.datasets),
    )


def key_in(pipeline: Pipeline) -> bytes | None:
    """The key that a pipeline was given; None where it has no token column."""
    keys = {one.token_key for one in pipeline.datasets} | {one.token_key for one in pipeline.seeds}
    return next((key for key in keys if key), None)


def tokens_of(pipeline: Pipeline, values: Iterable[str]) -> frozenset[str]:
    """What values are in a pipeline's token columns; nothing where it has none."""
    key = key_in(pipeline)
    return frozenset(tokenise(key, value) for value in values) if key else frozenset()


def _keyed(dataset: Dataset, key: bytes, version: str) -> Dataset:
    if not has_tokens(dataset.columns):
        return dataset
    return replace(dataset, token_key=key, contract_hash=digest("keyed", dataset.contract_hash, version))
