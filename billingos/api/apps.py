from billingos.common.registries import DomainConfig


class ApiConfig(DomainConfig):
    name = "billingos.api"
    label = "api"

    def ready(self) -> None:
        super().ready()
        from billingos.api import schema  # noqa: F401  (registers the security scheme with drf-spectacular)
