"""check.py FILE: whether a list of components is valid CycloneDX 1.6, by the official schema."""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

with open(sys.argv[1], encoding="utf-8") as file:
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
if wrong is not None:
    sys.exit(f"{sys.argv[1]} is not valid: {wrong}")
