"""Buckets of a server of the tests, and credentials that must not show."""

KEYS = {'AWS_ACCESS_KEY_ID': 'IDENTITY', 'AWS_SECRET_ACCESS_KEY': 'SECRET-KEY', 'AWS_SESSION_TOKEN': 'SESSION-TOKEN'}


def use_bucket(monkeypatch, server):
    """Let GDAL look for buckets in the folder of a server, below their names."""
    rest = {'AWS_S3_ENDPOINT': server.host, 'AWS_HTTPS': 'NO', 'AWS_VIRTUAL_HOSTING': 'FALSE', 'AWS_REGION': 'here'}
    for name, value in {**KEYS, **rest}.items():
        monkeypatch.setenv(name, value)
