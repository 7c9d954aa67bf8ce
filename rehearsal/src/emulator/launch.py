"""Starts MiniStack with one more service: CodePipeline, as far as IAM is concerned.

MiniStack checks the signature and the policies of such a request like those of any other and then
answers who the caller is. The job API itself is the stand-in's (src/codepipeline.rs).

One operation is the rehearsal's own: `Rehearsal.Events` answers how many asynchronous invocations
are running or wait for their retry.
"""

import json
import threading

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import sts

_resource_arn = iam_actions.extract_resource_arn


def resource_arn(service, method, path, headers, body, *rest):
    """What a CodePipeline action is allowed on: the pipeline; jobs have no resource but `*`."""
    if service != "codepipeline":
        return _resource_arn(service, method, path, headers, body, *rest)
    try:
        request = json.loads(body)
        name = request.get("pipelineName") or request["name"]
    except (ValueError, KeyError, AttributeError):
        return "*"
    return f"arn:aws:codepipeline:{get_region()}:{get_account_id()}:{name}"


async def codepipeline(method, path, headers, body, query_params):
    """The caller, once IAM has let it pass."""
    if headers.get("x-amz-target") == "Rehearsal.Events":
        return 200, {"Content-Type": "application/json"}, json.dumps({"events": events()}).encode()
    caller = sts._caller_identity(headers, query_params)
    return 200, {"Content-Type": "application/json"}, json.dumps(
        {"arn": caller["userArn"], "account": caller["accountId"]}).encode()


def events():
    """Each asynchronous invocation is a thread of its own, through all of its attempts."""
    return sum(1 for thread in threading.enumerate() if is_event(thread))


def is_event(thread):
    """By the function that it runs; a thread that ends forgets its arguments."""
    ran = (getattr(thread, "_args", None) or (None,))[0]
    return getattr(ran, "__qualname__", "").startswith("invoke_async_with_retry")


iam_actions.SERVICE_TO_IAM_NAMESPACE["codepipeline"] = "codepipeline"
iam_actions.extract_resource_arn = resource_arn
app.SERVICE_HANDLERS["codepipeline"] = codepipeline
app.main()
