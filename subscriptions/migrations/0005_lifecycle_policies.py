from django.db import migrations

from billingos.common.policies import tenant_tables

TABLES = (
    "coupons", "promotion_codes", "discounts", "subscription_schedules", "invoice_lines", "payments",
    "invoice_payments", "refunds", "credit_notes", "version_migrations", "version_migration_steps", "checkout_sessions",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("common", "0001_roles"), ("subscriptions", "0004_lifecycle")]
    operations = tenant_tables(*TABLES)
