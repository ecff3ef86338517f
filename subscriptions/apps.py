from billingos.common.registries import DomainConfig


class SubscriptionsConfig(DomainConfig):
    name = "subscriptions"
