from billingos.common.registries import DomainConfig


class CustomersConfig(DomainConfig):
    name = "customers"
