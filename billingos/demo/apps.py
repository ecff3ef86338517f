from billingos.common import registries


class DemoConfig(registries.DomainConfig):
    name = "billingos.demo"
    label = "demo"

    def ready(self) -> None:
        super().ready()
        from billingos.dashboard.progress import tell_progress  # needs the models
        from billingos.demo.progress import on_home

        tell_progress(on_home)
