from billingos.common import registries


class CustomersConfig(registries.DomainConfig):
    name = "customers"
