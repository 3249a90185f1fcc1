"""The JSON schema of cluster files, for editors."""

from __future__ import annotations

import json
from typing import Any

from harness.scenario.cluster.loader import cluster_adapter
from harness.scenario.loader import with_what_is_expanded

_ON = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


def json_schema() -> dict[str, Any]:
    """Its `$defs` have names of their own, so that it can stand beside that of scenarios of one guest."""
    schema = cluster_adapter().json_schema()
    properties = schema["properties"]
    steps = [entry["$ref"].rpartition("/")[2] for entry in properties["step"]["items"]["oneOf"]]
    for name in steps:
        step = schema["$defs"][name]
        if step["properties"]["do"]["const"] != "link":
            step["properties"]["on"] = _ON
    with_what_is_expanded(schema)
    text = json.dumps(schema).replace("#/$defs/", "#/$defs/Cluster")
    renamed: dict[str, Any] = json.loads(text)
    renamed["$defs"] = {f"Cluster{name}": value for name, value in renamed["$defs"].items()}
    return renamed
