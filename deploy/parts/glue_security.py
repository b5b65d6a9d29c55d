"""In an account: what Glue's jobs and crawlers write of themselves, their logs first of all, is encrypted with our key.

Without a security configuration CloudWatch encrypts their logs with a key of its own. With one, log groups have other
names: `/aws-glue/jobs-<role>-<configuration>/…` and `/aws-glue/crawlers-role/<role>-<configuration>`.
https://docs.aws.amazon.com/glue/latest/dg/encryption-security-configuration.html
"""

from typing import Any

from troposphere import If, NoValue, Ref, Template, glue

from deploy.parts.names import IS_AWS, key_arn, named

GLUE_SECURITY = "GlueSecurity"


def add(template: Template) -> None:
    template.add_resource(
        glue.SecurityConfiguration(
            GLUE_SECURITY,
            Condition=IS_AWS,
            Name=named("data"),
            EncryptionConfiguration=glue.EncryptionConfiguration(
                CloudWatchEncryption=glue.CloudWatchEncryption(CloudWatchEncryptionMode="SSE-KMS", KmsKeyArn=key_arn()),
                JobBookmarksEncryption=glue.JobBookmarksEncryption(
                    JobBookmarksEncryptionMode="CSE-KMS", KmsKeyArn=key_arn()
                ),
                S3Encryptions=[glue.S3Encryption(S3EncryptionMode="SSE-KMS", KmsKeyArn=key_arn())],
            ),
        )
    )


def glue_security() -> Any:
    """Name of the security configuration, where there is one."""
    return If(IS_AWS, Ref(GLUE_SECURITY), NoValue)
