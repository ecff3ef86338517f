"""PostgreSQL and Valkey from wheels, and the supervisor behind `make run`.

Nothing here imports a Django application: the servers must be able to start before the settings can be read,
and whatever needs Django (migrating, seeding) runs as `manage.py` in a process of its own.
"""
