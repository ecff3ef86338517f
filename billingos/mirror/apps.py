from billingos.common import registries


class MirrorConfig(registries.DomainConfig):
    name = "billingos.mirror"
    label = "mirror"
