"""The settings of Django's own tests: two databases of the server that SUITES_HOST and SUITES_PORT name."""
import os


def database(name):
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["SUITES_HOST"],
        "PORT": os.environ["SUITES_PORT"],
        "USER": os.environ["SUITES_USER"],
        "PASSWORD": os.environ["SUITES_PASSWORD"],
        "NAME": "test_" + name,
        "TEST": {"NAME": "test_" + name},
    }


DATABASES = {"default": database("default"), "other": database("other")}
TEST_RUNNER = "django_report.Runner"
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
