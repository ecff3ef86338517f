from django.db import migrations

# What a change was worth may become known after it was written: when the discount that it names arrives.
GRANT = "GRANT UPDATE (position, mrr) ON subscription_changes TO billingos_app, billingos_platform"
REVOKE = "REVOKE UPDATE (mrr) ON subscription_changes FROM billingos_app, billingos_platform"


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0005_lifecycle_policies")]
    operations = [migrations.RunSQL(GRANT, REVOKE)]
