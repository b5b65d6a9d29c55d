"""Which AWS calls the product makes, found in its source: so that a new one cannot be forgotten.

A boundary is a call site: a function of lakehouse/ or lambda/ and the client's method that it calls (boto3), or the
function of delta-rs. At run time each request says from which function it came, and AWS which operation it was.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import boto3

from tests.faults.network import ROOT

SERVICES = ("s3", "dynamodb", "stepfunctions", "sns", "sqs", "glue", "events", "redshift-data", "logs")
TRANSFERS = {
    "upload_file": {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"},
    "download_file": {"HeadObject", "GetObject"},
    "copy": {"HeadObject", "CopyObject", "CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"},
}
"""boto3's transfers and what they ask of S3."""
DELTA = {
    "DeltaTable",
    "create_table_with_add_actions",
    "create_write_transaction",
    "add_columns",
    "vacuum",
    "transaction_version",
    "load_as_version",
    "history",
    "optimize",
}
"""What of delta-rs goes to S3."""
COMMON = {"publish", "query", "scan", "copy"}
"""Methods of clients whose names other things have too: they count where a client stands before them."""
CLIENTS = {"client", "s3", "sns", "dynamodb"}
OWN = {"catalog"}
"""What is no client, and has methods of the same names."""


@dataclass(frozen=True, order=True)
class Boundary:
    """One call site."""

    site: str
    """`<file>:<function>`, as `network.innermost` says it."""
    method: str

    def __str__(self) -> str:
        return f"{self.site} {self.method}"

    def is_of(self, site: str, operation: str) -> bool:
        """Whether a request came from here."""
        if site != self.site:
            return False
        if self.method in DELTA:
            return True
        return operation in TRANSFERS.get(self.method, {api_names()[self.method]} if self.method in api_names() else ())


@cache
def api_names() -> dict[str, str]:
    """Operation by method name of all clients that the product has."""
    found: dict[str, str] = {}
    for service in SERVICES:
        client = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        found |= client.meta.method_to_api_mapping
    return {method: operation for method, operation in found.items() if "_" in method or method in COMMON}


def boundaries() -> list[Boundary]:
    """All call sites of lakehouse/ and lambda/."""
    found: set[Boundary] = set()
    for folder in ("lakehouse", "lambda"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            name = str(file.relative_to(ROOT))
            found |= {Boundary(f"{name}:{function}", method) for function, method in calls(ast.parse(file.read_text()))}
    return sorted(found)


def calls(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(function, method) of each call; functions inside functions under the outermost name."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef):
            yield from ((statement.name, method) for method in _methods(statement))
        elif isinstance(statement, ast.ClassDef):
            for inner in statement.body:
                if isinstance(inner, ast.FunctionDef):
                    yield from ((f"{statement.name}.{inner.name}", method) for method in _methods(inner))
        else:
            yield from (("<module>", method) for method in _methods(statement))


def _methods(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in DELTA:
            yield called.id
        elif isinstance(called, ast.Attribute):
            owner = called.value
            last = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if last in OWN:
                continue
            if called.attr in DELTA and called.attr != "DeltaTable":
                yield called.attr
            elif called.attr == "get_paginator" and node.args and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)
            elif (called.attr in api_names() or called.attr in TRANSFERS) and (
                called.attr not in COMMON or last in CLIENTS
            ):
                yield called.attr
