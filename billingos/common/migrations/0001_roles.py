"""The two roles of the application, what they may do, and the function behind every `updated_at`."""

from django.db import migrations

ROLES = """
DO $$
BEGIN
    -- Roles belong to the whole server: another database of it may have made them already.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'billingos_app') THEN
        CREATE ROLE billingos_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'billingos_platform') THEN
        CREATE ROLE billingos_platform NOLOGIN;
    END IF;
    -- Taken on with SET ROLE only: what the platform may see must not be inherited.
    IF NOT EXISTS (
        SELECT FROM pg_auth_members
        WHERE roleid = 'billingos_platform'::regrole AND member = 'billingos_app'::regrole AND set_option
    ) THEN
        GRANT billingos_platform TO billingos_app WITH INHERIT FALSE, SET TRUE;
    END IF;
    -- A single-URL deployment logs in as the owner and assumes the role as it connects.
    IF NOT pg_has_role(current_user, 'billingos_app', 'SET') THEN
        GRANT billingos_app TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO billingos_app, billingos_platform;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO billingos_app, billingos_platform;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO billingos_app, billingos_platform;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO billingos_app, billingos_platform;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO billingos_app, billingos_platform;
"""

TOUCH = """
CREATE FUNCTION billingos_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
"""


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
        migrations.RunSQL(TOUCH, "DROP FUNCTION billingos_touch()"),
    ]
