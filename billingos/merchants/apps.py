from billingos.common import registries


class MerchantsConfig(registries.DomainConfig):
    name = "billingos.merchants"
    label = "merchants"
