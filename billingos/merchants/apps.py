from billingos.common.registries import DomainConfig


class MerchantsConfig(DomainConfig):
    name = "billingos.merchants"
    label = "merchants"
