from billingos.common.registries import DomainConfig


class UsageConfig(DomainConfig):
    name = "usage"
