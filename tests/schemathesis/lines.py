"""How a body of one event a line is sent: the one media type of the document that schemathesis cannot write by itself."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context, body):
    return (body if isinstance(body, str) else json.dumps(body)).encode()
