"""In an account: people are told when the month's costs pass most of the budget, and when they are about to pass it.

A budget counts the whole account: costs are told apart by tags only after somebody has turned these on for billing.
https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html
"""

from typing import Any

from troposphere import Ref, Sub, Template, budgets

from deploy.parts.names import IS_AWS, TOPIC, named, setting

_OF_BUDGET_PERCENT = {"ACTUAL": 80, "FORECASTED": 100}


def add(template: Template) -> None:
    template.add_resource(
        budgets.Budget(
            "MonthlyBudget",
            Condition=IS_AWS,
            DependsOn=["NotificationsPolicy"],  # AWS tries whether it may publish when the budget is made
            Budget=budgets.BudgetData(
                BudgetName=named("monthly"),
                BudgetType="COST",
                TimeUnit="MONTHLY",
                BudgetLimit=budgets.Spend(Amount=setting("MonthlyBudgetUsd"), Unit="USD"),
            ),
            NotificationsWithSubscribers=[
                budgets.NotificationWithSubscribers(
                    Notification=budgets.Notification(
                        NotificationType=kind,
                        ComparisonOperator="GREATER_THAN",
                        Threshold=percent,
                        ThresholdType="PERCENTAGE",
                    ),
                    Subscribers=[budgets.Subscriber(SubscriptionType="SNS", Address=Ref(TOPIC))],
                )
                for kind, percent in _OF_BUDGET_PERCENT.items()
            ],
        )
    )


def may_publish() -> dict[str, Any]:
    """A statement of the topic's policy that lets this account's budgets publish.

    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
    """
    return {
        "Sid": "Budgets",
        "Effect": "Allow",
        "Principal": {"Service": "budgets.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": Ref(TOPIC),
        "Condition": {
            "StringEquals": {"aws:SourceAccount": Sub("${AWS::AccountId}")},
            "ArnLike": {"aws:SourceArn": Sub("arn:${AWS::Partition}:budgets::${AWS::AccountId}:*")},
        },
    }
