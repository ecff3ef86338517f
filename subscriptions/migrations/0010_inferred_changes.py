from django.db import migrations, models

# What events have said is never taken back; what was inferred from invoices is, when more is known.
GRANT = """
GRANT DELETE ON subscription_changes TO billingos_app, billingos_platform;
CREATE POLICY only_inferred ON subscription_changes AS RESTRICTIVE FOR DELETE
    TO billingos_app, billingos_platform USING (inferred);
"""
REVOKE = """
DROP POLICY only_inferred ON subscription_changes;
REVOKE DELETE ON subscription_changes FROM billingos_app, billingos_platform;
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0009_disputes")]
    operations = [
        migrations.AddField(
            model_name="subscriptionchange",
            name="inferred",
            field=models.BooleanField(
                default=False, help_text="From invoices, for the time before any known event."
            ),
        ),
        migrations.RunSQL(GRANT, REVOKE),
    ]
