from django.db import migrations

from billingos.common.policies import append_only, tenant_tables


class Migration(migrations.Migration):
    dependencies = [("common", "0001_roles"), ("subscriptions", "0001_initial")]
    operations = [
        *tenant_tables("products", "product_versions", "prices", "subscriptions", "subscription_items", "subscription_changes", "invoices"),
        append_only("subscription_changes"),
    ]
