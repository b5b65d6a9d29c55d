"""Redshift Serverless, in an account and only where a pipeline loads it: it has no empty place on one machine."""

from collections.abc import Sequence

from troposphere import Equals, If, Join, Not, NoValue, Parameter, Ref, Template, redshiftserverless

from deploy.parts.names import HAS_SUBNETS, IS_AWS, WAREHOUSE_DATABASE, key_arn
from deploy.parts.roles import WAREHOUSE, role_arn
from lakehouse.contract.model import Pipeline

_RPU = 8
"""The smallest workgroup: 8 RPU of 16 GB."""


def add(template: Template, pipelines: Sequence[Pipeline]) -> None:
    if not any(pipeline.warehouse for pipeline in pipelines):
        return
    template.add_parameter(
        Parameter(
            "WarehouseSubnets",
            Type="CommaDelimitedList",
            Default="",
            Description="Subnets of the Redshift workgroup, in three zones (AWS); empty: those of the default VPC",
        )
    )
    template.add_condition(HAS_SUBNETS, Not(Equals(Join("", Ref("WarehouseSubnets")), "")))
    template.add_resource(
        redshiftserverless.Namespace(
            "WarehouseNamespace",
            Condition=IS_AWS,
            NamespaceName=Ref("Prefix"),
            DbName=WAREHOUSE_DATABASE,
            AdminUsername="lakeadmin",
            ManageAdminPassword=True,
            AdminPasswordSecretKmsKeyId=key_arn(),
            KmsKeyId=key_arn(),
            IamRoles=[role_arn(WAREHOUSE)],
            LogExports=["userlog", "connectionlog", "useractivitylog"],
            DeletionPolicy="RetainExceptOnCreate",  # a first creation that fails must not leave it behind
            UpdateReplacePolicy="Retain",
        )
    )
    template.add_resource(
        redshiftserverless.Workgroup(
            "WarehouseWorkgroup",
            Condition=IS_AWS,
            WorkgroupName=Ref("Prefix"),
            NamespaceName=Ref("WarehouseNamespace"),
            BaseCapacity=_RPU,
            PubliclyAccessible=False,
            EnhancedVpcRouting=False,
            SubnetIds=If(HAS_SUBNETS, Ref("WarehouseSubnets"), NoValue),
        )
    )
