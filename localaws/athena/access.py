"""What the caller of a query may do: Athena reads the catalog and the data with the caller's own permissions."""

from dataclasses import dataclass
from typing import Any

from localaws.athena.errors import QueryError, denied


@dataclass(frozen=True)
class Caller:
    """Who started a query. Its permissions are those of the moment the query started."""

    principal: Any
    """ministack's `PrincipalInfo`; its `policies` are None for the account's root."""
    account_id: str
    region: str

    @property
    def arn(self) -> str:
        return str(self.principal.arn)

    def may(self, action: str, resource: str, **conditions: str) -> bool:
        """Whether identity policies, boundaries, session policies and the resource's own policy allow an action.

        `conditions` are request condition keys with `__` for `:` (`s3__prefix`).
        """
        from ministack.core import iam_evaluator

        if self.principal.policies is None:
            return True
        service = action.split(":", 1)[0]
        context = {name.replace("__", ":").lower(): value for name, value in conditions.items()}
        request = iam_evaluator.EvalContext(
            principal_arn=self.principal.arn,
            principal_type=self.principal.type,
            principal_account=self.principal.account,
            action=action,
            resource_arn=resource,
            region=self.region,
            secure_transport=True,
            service_context={"aws:calledvia": ["athena.amazonaws.com"], "aws:tagkeys": None, **context},
            principal_keys=self.principal.keys,
        )
        result = iam_evaluator.evaluate(request, self.principal.policies, *self.principal.limits)
        policy = iam_evaluator._resource_policy(service, resource)
        if policy is not None:
            result = iam_evaluator.combine_resource_policy(result, request, *policy, limits=self.principal.limits)
        return bool(result.decision == "Allow")

    def require(self, action: str, resource: str, **conditions: str) -> None:
        """Raise `QueryError` unless the caller may, and may use the key of what is encrypted."""
        from localaws.also_asked import also_asked

        if not self.may(action, resource, **conditions):
            raise denied(self.arn, action, resource)
        for one in also_asked(action, resource):
            if not self.may(one.action, one.resource, **dict(one.keys)):
                raise denied(self.arn, one.action, one.resource)

    def require_on_database(self, action: str, database: str) -> None:
        """Glue asks for the action on the catalog and on the database."""
        for resource in ("catalog", f"database/{database}"):
            self.require(action, self._glue_arn(resource))

    def require_on_table(self, action: str, database: str, table: str) -> None:
        """Glue asks for the action on the catalog, on the database and on the table."""
        for resource in ("catalog", f"database/{database}", f"table/{database}/{table}"):
            self.require(action, self._glue_arn(resource))

    def _glue_arn(self, resource: str) -> str:
        return f"arn:aws:glue:{self.region}:{self.account_id}:{resource}"


def caller_of(access_key_id: str) -> Caller:
    """The principal behind an access key whose signature has been checked. No key: the account's root, in-process.

    Raises:
        QueryError: the key is not (or no longer) valid.
    """
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, get_region

    principal = iam_evaluator.resolve_principal(access_key_id, get_account_id())
    if isinstance(principal, iam_evaluator.AuthError):
        raise QueryError(principal.message)
    return Caller(principal, get_account_id(), get_region())
