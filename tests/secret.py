"""The secret that the tests make tokens with, where no lake has one of its own."""

from lakehouse.contract.model import Pipeline
from lakehouse.tokens import LakeSecret, with_key

TEXT = "only for tests: " + "tokens " * 4
SECRET = LakeSecret(TEXT)


def keyed(pipeline: Pipeline) -> Pipeline:
    """A pipeline with its key, if it needs one."""
    return with_key(pipeline, lambda: SECRET)
