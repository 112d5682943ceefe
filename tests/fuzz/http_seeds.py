"""Messages of HTTP/1.1 to begin with: plain ones, and such as parsers disagree on."""

_POST = b"POST /v1/messages HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n"
_GET = b"GET /a?b=c&d HTTP/1.1\r\nhost: h\r\n"
_CHUNKS = b"5\r\nhello\r\n6;name=value\r\n world\r\n0\r\n\r\n"

REQUESTS: tuple[bytes, ...] = (
    _GET + b"X-One: A b\r\nx-two:\r\nx-one: C\r\n\r\n",
    _POST + b"content-length: 5\r\n\r\nhello",
    _POST + b"transfer-encoding: chunked\r\n\r\n" + _CHUNKS,
    (b"POST /chunks/%C3%A9%zz HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n"
    b"2;a=\"b;c\"\r\nhi\r\n0\r\nx-trailer: t\r\n\r\n"),
    _POST + b"content-length: 1\r\n\r\n1" + _GET + b"\r\n" + _POST + b"transfer-encoding: chunked\r\n\r\n" + _CHUNKS,
    b"\r\n" + _GET + b"connection: keep-alive\r\n\r\n" + b"HEAD /chunks HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
    b"POST /a HTTP/1.0\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nhi",
    b"POST http://h:1/a%20b/c?q#f HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n" + b"OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n",
    _POST + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAEA\r\ncontent-length: 5\r\n\r\nhello" + _GET + b"\r\n",
    _POST + b"connection: upgrade\r\nupgrade: h2c\r\ntransfer-encoding: chunked\r\n\r\n" + _CHUNKS,
    _POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + _CHUNKS,
    _POST + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    _POST + b"transfer-encoding: gzip, chunked\r\n\r\n" + _CHUNKS,
    _POST + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n" + _CHUNKS,
    _POST + b"x-a: b\r\n c\r\ncontent-length: \t5 \t\r\n\r\nhello",
    b"POST /unread HTTP/1.1\r\nhost: h\r\ncontent-length: 200\r\n\r\n" + b"hello" * 40 + _GET + b"\r\n",
    b"CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n\r\n\x16\x03\x01",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    (_GET + b"\r\n") * 12 + b"garbage\r\n\r\n",
)  # fmt: skip

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

RESPONSES: tuple[bytes, ...] = (
    _OK + b"Content-Length: 5\r\n\r\nhello",
    _STREAM + _CHUNKS,
    _STREAM + b"a\r\ndata: {}\n\n\r\n2;a=\"b;c\"\r\nhi\r\n000\r\nX-Trailer: t\r\n\r\n",
    _OK + b"Connection: close\r\n\r\nuntil the end",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 429 \r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 204 No Content\r\nx-a:  b\t \r\nx-a: c\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    _OK + b"Upgrade: h2\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nhi",
    _OK + b"Content-Length: 5\r\n\r\nhello" + _STREAM + _CHUNKS,
    _OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKS,
    _OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + _CHUNKS,
    _OK + b"X-Folded: a\r\n b\r\nContent-Length: \t2 \t\r\n\r\nhi",
    _OK + b"Content-Length: 500\r\n\r\ncut",
    _STREAM + b"5\r\nhello\r\n",
    b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + _OK + b"Content-Length: 2\r\n\r\nhi",
    b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKS,
    b"HTTP/1.1 500 \xe4\r\nContent-Length: 0\r\n\r\n",
)  # fmt: skip
