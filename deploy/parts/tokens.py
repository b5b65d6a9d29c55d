"""The secret that tokens of personal values are made with. It is rotated by hand: docs/personal-data.md."""

from troposphere import Template, secretsmanager

from deploy.parts.names import SECRET_OF_TOKENS, key_arn, named_below

SECRET_CHARACTERS = 64
"""Letters and digits, about 380 bits: more than HMAC-SHA256 makes use of."""


def add(template: Template) -> None:
    """AWS makes its value up when the stack is made, and never again: another stack update leaves it alone."""
    template.add_resource(
        secretsmanager.Secret(
            SECRET_OF_TOKENS,
            Name=named_below("tokens"),
            Description="Tokens of personal values are made with it. Another value makes other tokens",
            GenerateSecretString=secretsmanager.GenerateSecretString(
                PasswordLength=SECRET_CHARACTERS, ExcludePunctuation=True
            ),
            KmsKeyId=key_arn(),
            DeletionPolicy="RetainExceptOnCreate",
            UpdateReplacePolicy="Retain",
        )
    )
