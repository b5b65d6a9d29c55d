"""Mails of SNS, kept as files instead of being sent.

*ministack*: a subscription by e-mail is a line in the log, and confirmed by itself.
*AWS*: the address gets a mail with a link, and nothing else until somebody has followed it; then every message of the
topic, with a link to unsubscribe below the text.
*Here*: `<state>/mail/*.eml`, RFC 5322 in UTF-8, whose names sort by time; no mail leaves the machine. A subscription of
a CloudFormation template is confirmed by itself, because whoever deploys on one machine is whoever reads; its mail says
so. A subscription by the API waits for ConfirmSubscription with the token of its mail. Message attributes, which AWS
does not mail, are headers `X-Amz-Sns-Attribute-<name>`.
"""
