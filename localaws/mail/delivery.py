"""Where SNS hands over mails, and where they lie."""

import itertools
import logging
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ministack.services import sns
from ministack.services.cloudformation import provisioners

from localaws.mail import letters

logger = logging.getLogger("localaws.mail")

PROTOCOLS = ("email", "email-json")

_place: dict[str, Any] = {}
_lock = threading.Lock()
_numbers = itertools.count(1)
_fanout, _subscribe = sns._fanout, sns._subscribe
_create = provisioners._sns_sub_create


def install(folder: Path, endpoint_url: str) -> None:
    """Put our own functions in the place of ministack's. Mails lie in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    _place.update(folder=folder, endpoint_url=endpoint_url)
    sns._fanout, sns._subscribe = fanout, subscribe
    provisioners._RESOURCE_HANDLERS["AWS::SNS::Subscription"]["create"] = create
    provisioners._sns_sub_create = create


def fanout(
    topic_arn: str,
    msg_id: str,
    message: str,
    subject: str,
    message_structure: str = "",
    message_attributes: Any = None,
    **options: Any,
) -> None:
    """Hand a message to every subscriber of a topic, mails included."""
    attributes = message_attributes or {}
    _fanout(topic_arn, msg_id, message, subject, message_structure, message_attributes, **options)
    topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
    for subscription in topic["subscriptions"]:
        if subscription["protocol"] not in PROTOCOLS or not subscription.get("confirmed"):
            continue
        text = sns._resolve_message_for_protocol(message, message_structure, subscription["protocol"])
        if sns._matches_filter_policy(subscription, attributes, text):
            _deliver(subscription, msg_id, text, subject, attributes)


def subscribe(params: Any) -> Any:
    """Subscribe; an address is asked to confirm first."""
    if sns._p(params, "Protocol") not in PROTOCOLS:
        return _subscribe(params)
    topic, protocol, endpoint = sns._p(params, "TopicArn"), sns._p(params, "Protocol"), sns._p(params, "Endpoint")
    known = _subscriptions(topic)
    status, headers, body = _subscribe(params)
    new = [one for one in _subscriptions(topic) if one["arn"] not in {old["arn"] for old in known}]
    if new:
        _ask(new[0])
    waits = any((one["protocol"], one["endpoint"]) == (protocol, endpoint) and one.get("token") for one in known)
    if status >= 400 or not (new or waits):
        return status, headers, body
    inner = "<SubscribeResult><SubscriptionArn>pending confirmation</SubscriptionArn></SubscribeResult>"
    return sns._xml(200, "SubscribeResponse", inner)


def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
    """A subscription of a template: confirmed by itself, and told."""
    made = _create(logical_id, properties, stack)
    subscription = sns._find_subscription(properties.get("TopicArn", ""), made[0])
    if subscription is not None and subscription["protocol"] in PROTOCOLS:
        _keep_confirmation(subscription, None)
    return made


def keep(letter: letters.Letter) -> Path:
    """Write a mail: whole or not at all."""
    at = datetime.now(UTC)
    data = letters.as_eml(letter, at)
    with _lock:
        name = f"{at:%Y%m%dT%H%M%S.%fZ}-{next(_numbers):06}-{letter.message_id[:8]}"
        partial = _place["folder"] / f".{name}.partial"
        partial.write_bytes(data)
        whole: Path = partial.replace(_place["folder"] / f"{name}.eml")
    logger.info("mail to %s: %s", letter.to, whole.name)
    return whole


def _deliver(subscription: dict[str, Any], msg_id: str, text: str, subject: str, attributes: Mapping[str, Any]) -> None:
    arn, to = subscription["arn"], subscription["endpoint"]
    if subscription["protocol"] == "email":
        body = letters.notification_text(text, arn, to, _place["endpoint_url"])
    else:
        topic_arn = subscription["topic_arn"]
        body = letters.envelope_text(sns._build_envelope(topic_arn, msg_id, text, subject, dict(attributes), False))
    named = {name: str(value.get("StringValue", "")) for name, value in attributes.items()}
    title = subject or letters.DEFAULT_SUBJECT
    keep(letters.Letter(msg_id, subscription["topic_arn"], arn, to, title, body, named))


def _ask(subscription: dict[str, Any]) -> None:
    token = uuid.uuid4().hex + uuid.uuid4().hex
    subscription.update(confirmed=False, token=token)
    subscription["attributes"].update(PendingConfirmation="true", ConfirmationWasAuthenticated="false")
    topic = sns._topic_by_arn_any_scope(subscription["topic_arn"])
    sns._refresh_subscription_counts(topic)
    _keep_confirmation(subscription, token)


def _keep_confirmation(subscription: dict[str, Any], token: str | None) -> None:
    topic_arn = subscription["topic_arn"]
    text = letters.confirmation_text(topic_arn, token, _place["endpoint_url"])
    to, arn = subscription["endpoint"], subscription["arn"]
    keep(letters.Letter(str(uuid.uuid4()), topic_arn, arn, to, letters.CONFIRM_SUBJECT, text))


def _subscriptions(topic_arn: str) -> list[dict[str, Any]]:
    topic = sns._topic_by_arn_any_scope(topic_arn)
    return list(topic["subscriptions"]) if topic else []
