from billingos.common import registries


class SubscriptionsConfig(registries.DomainConfig):
    name = "subscriptions"
