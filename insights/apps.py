from billingos.common import registries


class InsightsConfig(registries.DomainConfig):
    name = "insights"
