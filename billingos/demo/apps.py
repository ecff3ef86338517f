from billingos.common import registries


class DemoConfig(registries.DomainConfig):
    name = "billingos.demo"
    label = "demo"
