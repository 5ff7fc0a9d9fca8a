"""Cut the two request bodies that the fake GitHub checks out of GitHub's OpenAPI description.

    npm pack @octokit/openapi@23.0.2
    python scripts/extract_github_openapi.py octokit-openapi-23.0.2.tgz

Writes reference/agents/github/openapi_part.json: schemas with every $ref resolved and descriptions left out.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

MEMBER = "package/generated/api.github.com.json"
OPERATIONS = {
    "pulls/create-review": "/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
    "checks/create": "/repos/{owner}/{repo}/check-runs",
}
TARGET = Path(__file__).resolve().parents[1] / "reference" / "agents" / "github" / "openapi_part.json"


def main(archive: str) -> None:
    data = Path(archive).read_bytes()
    with tarfile.open(archive) as tar:
        member = tar.extractfile(MEMBER)
        if member is None:
            sys.exit(f"{archive} has no {MEMBER}: is it @octokit/openapi?")
        document = json.loads(member.read())
    operations = {}
    for id, path in OPERATIONS.items():
        operation = document["paths"][path]["post"]
        if operation["operationId"] != id:
            sys.exit(f"{path} is {operation['operationId']}, not {id}: look at OPERATIONS")
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        operations[id] = {
            "path": path,
            "statuses": sorted(operation["responses"]),
            "request": cleaned(schema, document),
        }
    part = {
        "source": "npm package @octokit/openapi, generated/api.github.com.json without descriptions and examples",
        "version": document["info"]["version"],
        "licence": document["info"]["license"]["name"],
        "sha256": hashlib.sha256(data).hexdigest(),
        "operations": operations,
    }
    TARGET.write_text(json.dumps(part, indent=1) + "\n", encoding="utf-8")


def cleaned(value: Any, document: Any, *, names: bool = False) -> Any:
    """`names`: the keys are a schema's property names, so none of them is left out."""
    if isinstance(value, list):
        return [cleaned(one, document) for one in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        target = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return cleaned(target, document)
    left_out = () if names else ("description", "example", "examples")
    return {
        key: cleaned(one, document, names=key == "properties" and not names)
        for key, one in value.items()
        if key not in left_out
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
