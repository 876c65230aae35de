"""A server of files with ranges and entity tags, as buckets are, that misbehaves on demand; a process of its own.

In a thread of the tests it would wait for ever: rasterio keeps Python's lock in some calls that ask servers.
"""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LOCK = threading.Lock()
STATE: dict[str, Any] = {'latency': 0.0, 'codes': {}, 'faults': [], 'requests': [], 'parts': {}, 'page': 1000}


class Request(BaseHTTPRequestHandler):
    """One request; names below ``_control`` are for the tests."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # else small answers wait for 40 ms

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # a client that did not wait
            self.close_connection = True

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        if self.path == '/_control':
            self.send(200, json.dumps({'requests': STATE['requests']}).encode())
            return
        if not (name := self.begin()):
            return
        query = parse_qs(urlsplit(self.path).query)
        if (
            name.rstrip('/') not in STATE['codes']
            and '/' not in name.rstrip('/')
            and ('prefix' in query or 'delimiter' in query)
        ):
            self.send(200, listing(name.rstrip('/'), query))
            return
        file = Path(name)
        if name in STATE['codes'] or not file.is_file():
            self.send(STATE['codes'].get(name.rstrip('/'), 404))
            return
        status = file.stat()
        wanted = re.fullmatch(r'bytes=(\d+)-(\d*)', self.headers.get('Range') or '')
        headers = {
            'Accept-Ranges': 'bytes',
            'ETag': f'"{status.st_mtime_ns:x}{status.st_size:x}"',
            'Last-Modified': 'Mon, 02 Nov 2026 10:00:00 GMT',
        }
        if wanted is None:
            self.send(200, file.read_bytes(), headers)
            return
        end = status.st_size - 1
        first, last = int(wanted[1]), min(int(wanted[2] or end), end)
        if first > end:
            self.send(416)
            return
        headers['Content-Range'] = f'bytes {first}-{last}/{status.st_size}'
        with file.open('rb') as content:
            content.seek(first)
            self.send(206, content.read(last + 1 - first), headers)

    def begin(self) -> str:
        """Note the request and return its name; nothing where a fault answered it."""
        name = unquote(urlsplit(self.path).path).lstrip('/')
        with LOCK:
            STATE['requests'].append([self.command, self.path, self.headers.get('Range')])
            faults = STATE['faults']
            hits = [at for at, (what, _) in enumerate(faults) if what in (self.command, f'{self.command} {name}')]
            fault = faults.pop(hits[0])[1] if hits else None
        time.sleep(STATE['latency'])
        if fault == 'cut':  # in the middle of the answer
            self.send_response(206)
            self.send_header('Content-Length', '100000')
            self.end_headers()
            self.wfile.write(b'half of it')
        elif fault == 'late':
            time.sleep(3)
        elif isinstance(fault, int):
            self.send(fault)
            return ''
        if fault is not None:  # without an answer, or without the rest of it
            self.close_connection = True
            return ''
        return name

    def send(self, code: int, content: bytes = b'', headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {**(headers or {}), 'Content-Length': str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(content)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers['Content-Length'] or 0))
        if self.path == '/_control':
            STATE.update(json.loads(content))
            self.send(200)
        elif name := self.begin():
            query = parse_qs(urlsplit(self.path).query)
            if query.get('comp') == ['block']:  # of Azure
                STATE['parts'].setdefault(name, {})[query['blockid'][0]] = content
            elif query.get('comp') == ['blocklist']:
                parts = STATE['parts'].pop(name)
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_bytes(
                    b''.join(parts[part] for part in re.findall(r'<\w+>([^<]+)</', content.decode()))
                )
            elif 'partNumber' in query:
                STATE['parts'].setdefault(name, {})[int(query['partNumber'][0])] = content
            else:
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_bytes(content)
            self.send(201 if 'x-ms-date' in self.headers else 200, headers={'ETag': '"part"'})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers['Content-Length'] or 0))
        if name := self.begin():
            if urlsplit(self.path).query.startswith('uploads'):
                said = b'<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>'
                self.send(200, said)
                return
            parts = STATE['parts'].pop(name)
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(b''.join(parts[number] for number in sorted(parts)))
            self.send(200, b'<CompleteMultipartUploadResult/>')

    def do_DELETE(self) -> None:
        if name := self.begin():
            STATE['parts'].pop(name, None)
            Path(name).unlink(missing_ok=True)
            self.send(204)

    def log_message(self, *args: object) -> None:
        pass


def listing(bucket: str, query: dict[str, list[str]]) -> bytes:
    """Return what lies below a prefix, a page at a time, as S3 and Google say it, or as Azure does."""
    prefix, start = (query.get(name, [''])[0] for name in ('prefix', 'marker'))
    found = sorted(path.relative_to(bucket).as_posix() for path in Path(bucket).rglob('*') if path.is_file())
    names = [name for name in found if name.startswith(prefix) and name > start]
    rest = {name: name.removeprefix(prefix) for name in names}
    folders = sorted({f'{prefix}{end.partition("/")[0]}/' for end in rest.values() if '/' in end})
    names = [name for name, end in rest.items() if '/' not in end]
    page, more = names[: STATE['page']], names[STATE['page'] :]
    size = {name: Path(bucket, name).stat().st_size for name in page}
    date = 'Mon, 02 Nov 2026 10:00:00 GMT'
    if query.get('comp') == ['list']:
        blobs = ''.join(
            f'<Blob><Name>{name}</Name><Properties><Last-Modified>{date}</Last-Modified>'
            f'<Content-Length>{size[name]}</Content-Length></Properties></Blob>'
            for name in page
        ) + ''.join(f'<BlobPrefix><Name>{name}</Name></BlobPrefix>' for name in folders)
        marker = page[-1] if more else ''
        return (
            f'<?xml version="1.0"?><EnumerationResults><Prefix>{prefix}</Prefix><Blobs>{blobs}</Blobs>'
            f'<NextMarker>{marker}</NextMarker></EnumerationResults>'
        ).encode()
    keys = ''.join(
        f'<Contents><Key>{name}</Key><LastModified>2026-11-02T10:00:00.000Z</LastModified>'
        f'<Size>{size[name]}</Size><StorageClass>STANDARD</StorageClass></Contents>'
        for name in page
    ) + ''.join(f'<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>' for name in folders)
    ends = f'<NextMarker>{page[-1]}</NextMarker>' if more else ''
    return (
        f'<?xml version="1.0"?><ListBucketResult><Name>{bucket}</Name><Prefix>{prefix}</Prefix>'
        f'<IsTruncated>{"true" if more else "false"}</IsTruncated>{ends}{keys}</ListBucketResult>'
    ).encode()


class FileServer:
    """The files of a folder, and how they are served.

    Attributes:
        folder: of the files.
        host: with its port.
    """

    def __init__(self, folder: Path, host: str) -> None:
        self.folder, self.host = folder, host

    def url(self, name: str) -> str:
        return f'http://{self.host}/{name}'

    def behave(self, **state: Any) -> None:
        """Set the ``latency`` in seconds, ``codes`` of names, or ``faults`` of the next requests, one each.

        A fault is what it happens to, ``GET`` or ``GET NAME``, and a code, ``cut``, ``late`` or ``dropped``.
        """
        self._control('PUT', json.dumps(state))

    def requests(self) -> list[list[str | None]]:
        """Return what was asked: command, path with its query, range; and forget it."""
        asked: list[list[str | None]] = json.loads(self._control('GET'))['requests']
        self.behave(requests=[])
        return asked

    def _control(self, command: str, body: str | None = None) -> bytes:
        connection = HTTPConnection(self.host)
        connection.request(command, '/_control', body)
        answer = connection.getresponse().read()
        connection.close()
        return answer


@contextmanager
def serving(folder: Path) -> Iterator[FileServer]:
    """Serve the files of a folder until the end of the block."""
    server = subprocess.Popen([sys.executable, '-S', __file__], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    with server:
        try:
            yield FileServer(folder, f'127.0.0.1:{int(server.stdout.readline())}')
        finally:
            server.kill()


if __name__ == '__main__':
    http = ThreadingHTTPServer(('127.0.0.1', 0), Request)
    http.daemon_threads = True
    print(http.server_address[1], flush=True)
    http.serve_forever()
