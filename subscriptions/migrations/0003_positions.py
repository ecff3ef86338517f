from django.db import migrations

# A line of the history is written once; only its place among those of the same second is known when all are here.
GRANT = "GRANT UPDATE (position) ON subscription_changes TO billingos_app, billingos_platform"
REVOKE = "REVOKE UPDATE (position) ON subscription_changes FROM billingos_app, billingos_platform"


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0002_policies")]
    operations = [migrations.RunSQL(GRANT, REVOKE)]
