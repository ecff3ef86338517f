from billingos.common.registries import DomainConfig


class MirrorConfig(DomainConfig):
    name = "billingos.mirror"
    label = "mirror"
