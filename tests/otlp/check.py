"""Decodes what a sink has sent, with the official messages, and validates each OCSF event with every property declared.

check.py FILE...   each file has the body of one request; prints a line of JSON: the seqs and the actions, in order
"""

import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

SCHEMA = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
CLASSES = {3002: "authentication", 6003: "api_activity"}
VALIDATORS = {uid: Draft202012Validator(SCHEMA.get_class_schema(name)) for uid, name in CLASSES.items()}


def plain(value):
    """An AnyValue as a value of Python."""
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return {member.key: plain(member.value) for member in value.kvlist_value.values}
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


def checked(record):
    attributes = {attribute.key: plain(attribute.value) for attribute in record.attributes}
    event = attributes["ocsf"]
    VALIDATORS[event["class_uid"]].validate(event)
    assert record.body.string_value == event["message"], (record.body, event["message"])
    assert attributes["log.record.uid"] == event["metadata"]["uid"]
    assert record.time_unix_nano // 1_000_000 == event["time"]
    assert record.observed_time_unix_nano // 1_000_000 == event["metadata"]["logged_time"]
    assert record.severity_number in (9, 13) and record.severity_text in ("INFO", "WARN")
    assert record.event_name == event["metadata"]["event_code"]
    assert len(record.trace_id) in (0, 16)
    return event["metadata"]["sequence"], event["activity_name"], event["class_uid"]


found = []
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        request = ExportLogsServiceRequest.FromString(file.read())
    for resource_logs in request.resource_logs:
        names = {attribute.key: plain(attribute.value) for attribute in resource_logs.resource.attributes}
        assert names["service.name"] == "mcp-audit-log" and names["service.instance.id"], names
        for scope_logs in resource_logs.scope_logs:
            assert scope_logs.scope.name == "mcp-audit-log"
            found += [checked(record) for record in scope_logs.log_records]
print(json.dumps([list(column) for column in zip(*found)]))
