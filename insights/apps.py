from billingos.common.registries import DomainConfig


class InsightsConfig(DomainConfig):
    name = "insights"
