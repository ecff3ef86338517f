from collections import defaultdict

from django.db import migrations

from billingos.common.tenancy import platform_scope


def say_what_each_version_includes(apps, schema_editor):
    """Of versions that are older than the column."""
    includes = defaultdict(dict)
    with platform_scope():
        for row in apps.get_model("entitlements", "ProductFeature").objects.select_related("feature"):
            includes[row.version_id][row.feature.lookup_key] = True if row.feature.type == "boolean" else row.limit
        for version in apps.get_model("subscriptions", "ProductVersion").objects.filter(id__in=includes, includes={}):
            version.includes = includes[version.id]
            version.save(update_fields=["includes"])


class Migration(migrations.Migration):
    dependencies = [("entitlements", "0003_policies"), ("subscriptions", "0008_versions")]
    operations = [migrations.RunPython(say_what_each_version_includes, migrations.RunPython.noop)]
