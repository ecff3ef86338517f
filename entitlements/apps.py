from billingos.common import registries


class EntitlementsConfig(registries.DomainConfig):
    name = "entitlements"
