from billingos.common.registries import DomainConfig


class WebhooksConfig(DomainConfig):
    name = "billingos.webhooks"
    label = "webhooks"
