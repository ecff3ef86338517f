from billingos.common.registries import DomainConfig


class EntitlementsConfig(DomainConfig):
    name = "entitlements"
