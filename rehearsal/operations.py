"""Calls every operation that AWS's models of some services have, as whoever the environment's
credentials belong to, and tells what came of each.

For tests of what a principal may not do: `denied` names the IAM action that a refusal names. As JSON,
one entry for each operation:

    python rehearsal/operations.py http://127.0.0.1:4566 ecs ssm < values.json

Required members are made up, by their kind; `values.json` has better ones by their name, such as
{"cluster": "test", "ssm.Name": "/web/image"}, which are sent where a member is optional, too. Needs
botocore. Only for an emulator: whatever is not refused is done.
"""

import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Whoever calls these is nobody yet: no policy of a principal is asked.
ANYBODYS = ("none", "bearer")

DENIED = re.compile(r"not authorized to perform: ([\w-]+:\w+)")

# What is made up for a member, by the kind of its shape.
MADE_UP = {"blob": b"x", "boolean": True, "double": 1.0, "float": 1.0, "integer": 1, "long": 1,
           "timestamp": 0}


def values(shape, given, service):
    """A structure's required members, and all those that `given` has a value for."""
    made = {}
    for name, member in shape.members.items():
        known = given.get(f"{service}.{name}", given.get(name))
        if known is not None and fits(known, member):
            made[name] = known
        elif name in shape.required_members:
            made[name] = value(member, given, service)
    return made


def value(shape, given, service):
    """Something of a shape."""
    if shape.type_name == "structure":
        return values(shape, given, service) if not shape.is_document_type else {}
    if shape.type_name == "list":
        return [value(shape.member, given, service)]
    if shape.type_name == "map":
        return {}
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "x" * max(1, shape.metadata.get("min", 1))
    return MADE_UP[shape.type_name]


def fits(known, shape):
    """Whether a given value is of the member's kind: a name may mean different things."""
    kinds = {"string": str, "list": list, "structure": dict, "map": dict, "boolean": bool}
    return isinstance(known, kinds.get(shape.type_name, ()))


def call(client, operation, request):
    """What AWS answers: the status and, of a refusal, code and message."""
    try:
        answer = client._make_api_call(operation, request)
        return answer["ResponseMetadata"]["HTTPStatusCode"], "", ""
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status, error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    except (BotoCoreError, ValueError, KeyError, TypeError, AttributeError) as error:
        # The request could not be made, or the answer not be read.
        return 0, type(error).__name__, str(error)


def probe(session, endpoint, service, given):
    """Calls all of a service's operations."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=30,
                    inject_host_prefix=False, s3={"addressing_style": "path"})
    client = session.create_client(service, endpoint_url=endpoint, config=config)
    model = client.meta.service_model

    def one(name):
        operation = model.operation_model(name)
        entry = {"service": service, "operation": name}
        if operation.auth_type in ANYBODYS or UNSIGNED in (operation.auth or []):
            return {**entry, "unsigned": True}
        shape = operation.input_shape
        status, code, message = call(client, name, values(shape, given, service) if shape else {})
        named = DENIED.search(message)
        # An answer to HEAD has no body that could say what was refused.
        silent = operation.http["method"] == "HEAD" and status == 403
        denied = named.group(1) if named else f"{service}:{name}" if silent else None
        return {**entry, "status": status, "code": code, "message": message, "denied": denied}

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, model.operation_names))


def main():
    """Reads the values, calls, writes."""
    endpoint, *services = sys.argv[1:]
    given = json.load(sys.stdin)
    session = botocore.session.get_session()
    json.dump([entry for service in services for entry in probe(session, endpoint, service, given)],
              sys.stdout, indent=2)


if __name__ == "__main__":
    main()
