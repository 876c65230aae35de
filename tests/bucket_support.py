"""Buckets of a server of the tests, and credentials that must not show."""

KEYS = {'AWS_ACCESS_KEY_ID': 'IDENTITY', 'AWS_SECRET_ACCESS_KEY': 'SECRET-KEY', 'AWS_SESSION_TOKEN': 'SESSION-TOKEN'}


def use_bucket(monkeypatch, server):
    """Let GDAL look for buckets in the folder of a server, below their names."""
    rest = {'AWS_S3_ENDPOINT': server.host, 'AWS_HTTPS': 'NO', 'AWS_VIRTUAL_HOSTING': 'FALSE', 'AWS_REGION': 'here'}
    rest |= {
        'CPL_GS_ENDPOINT': f'http://{server.host}/',
        'GS_ACCESS_KEY_ID': 'me',
        'GS_SECRET_ACCESS_KEY': 'SECRET-KEY',
    }
    azure = {'DefaultEndpointsProtocol': 'http', 'AccountName': 'box', 'AccountKey': 'S0VZ'}
    azure['BlobEndpoint'] = f'http://{server.host}/'
    rest['AZURE_STORAGE_CONNECTION_STRING'] = ';'.join(f'{name}={value}' for name, value in azure.items())
    for name, value in {**KEYS, **rest}.items():
        monkeypatch.setenv(name, value)
