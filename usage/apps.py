from billingos.common import registries


class UsageConfig(registries.DomainConfig):
    name = "usage"
