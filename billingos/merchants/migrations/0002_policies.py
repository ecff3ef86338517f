from django.db import migrations

from billingos.common.policies import append_only, secure, tenant_tables, touch


class Migration(migrations.Migration):
    dependencies = [("common", "0001_roles"), ("merchants", "0001_initial")]
    operations = [
        *tenant_tables("memberships", "invitations", "connected_accounts", "billing_settings", "api_keys"),
        secure("merchants", column="id"),
        touch("merchants"),
        secure("audit_entries"),
        append_only("audit_entries"),
    ]
