"""Tells what CloudFormation may have to do for resources of these types, in its own words, offline.

CloudFormation's schema of a type lists the IAM actions of each of its handlers (create, read, update,
delete). cfn-lint brings the schemas; as JSON, a list of actions for each type:

    python rehearsal/permissions.py AWS::ECS::Service AWS::Logs::LogGroup

Needs cfn-lint. Calls nothing.
"""

import json
import sys
from pathlib import Path

import cfnlint

SCHEMAS = Path(cfnlint.__file__).parent / "data/schemas"


def permissions(types: list[str]) -> dict[str, list[str]]:
    """Returns the actions of each type's handlers, but for the one that lists what there is."""
    # Types are kept by the hash of their schema, since most regions have the same.
    files = json.loads((SCHEMAS / "providers/us-east-1.json").read_text(encoding="utf-8"))
    needed = {}
    for name in types:
        schema = (SCHEMAS / f"resources/{files[name]}.json").read_text(encoding="utf-8")
        handlers = json.loads(schema)["handlers"]
        actions = (handler["permissions"] for verb, handler in handlers.items() if verb != "list")
        needed[name] = sorted({action for several in actions for action in several})
    return needed


if __name__ == "__main__":
    json.dump(permissions(sys.argv[1:]), sys.stdout, indent=2)
