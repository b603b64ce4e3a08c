"""Makes the tables and the users."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

import django

django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command

call_command("migrate", verbosity=0)
for email in os.environ["BENCH_EMAILS"].split(","):
    User.objects.create_user(email, email, os.environ["BENCH_PASSWORD"])
