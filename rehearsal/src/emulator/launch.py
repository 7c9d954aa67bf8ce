"""Starts MiniStack with one more service, CodePipeline, as far as IAM is concerned, and with ECS's
deployments API and CloudFormation's change sets in IAM's eyes.

MiniStack checks the signature and the policies of such a request like those of any other and then
answers who the caller is. The job API itself is the stand-in's (src/codepipeline.rs).

And S3 answers pieces of a version, as AWS does; policies see calls that came by TLS, as all of them
do on AWS; and CloudFormation hands ECS the types of its API. IAM's simulator answers about every
resource that it is asked for, in the context that it is given. An object that asks for KMS and names
no key gets the account's own. A service is updated in one piece, and looked at before or after it.

One operation is the rehearsal's own: `Rehearsal.Events` answers how many asynchronous invocations
are running or wait for their retry.
"""

import functools
import itertools
import json
import os
import sys
import threading
import time
import types
from xml.sax.saxutils import escape as xml

import botocore.session
from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudformation, ecr, ecs, eventbridge, iam, s3, sts
from ministack.services.cloudformation import provisioners

_pin_request_origin = app.pin_request_origin
_task_definition = provisioners._ecs_task_def_create
_resource_arn = iam_actions.extract_resource_arn
_request_context = iam_actions.request_tag_context
_get_object = s3._get_object
_sse_headers = s3._resolve_sse_write_headers
_repository_policy = ecr.repository_policy_for_arn
_ecr = ecr.handle_request
_run_task = ecs._run_task
_apply_input_transformer = eventbridge._apply_input_transformer
_record_task_healthy = ecs._record_service_task_healthy


def resource_arn(service, method, path, headers, body, *rest):
    """What a CodePipeline action is allowed on: the pipeline; jobs have no resource but `*`.

    And what ECS's deployments API is: MiniStack looks for a cluster's name only, and those requests
    have ARNs instead. Nor does it know that a change set named by its ARN belongs to a stack, or whose
    policies a simulation is about.
    """
    if service == "ecs" and (arn := deployment_arn(body)):
        return arn
    if service == "cloudformation" and (arn := stack_arn(rest[0])):
        return arn
    if service == "iam" and (arn := parameter(rest[0], "PolicySourceArn")):
        return arn
    if service == "ecr" and (owner := registry(body)):
        arn = _resource_arn(service, method, path, headers, body, *rest)
        return arn.replace(f":{get_account_id()}:", f":{owner}:", 1)
    if service != "codepipeline":
        return _resource_arn(service, method, path, headers, body, *rest)
    try:
        request = json.loads(body)
        name = request.get("pipelineName") or request["name"]
    except (ValueError, KeyError, AttributeError):
        return "*"
    return f"arn:aws:codepipeline:{get_region()}:{get_account_id()}:{name}"


def deployment_arn(body):
    """The service deployment or revision that a request names, the first of several."""
    try:
        request = json.loads(body)
        several = request.get("serviceDeploymentArns") or request.get("serviceRevisionArns")
        return several[0] if several else request.get("serviceDeploymentArn")
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


def registry(body):
    """The account whose registry a request names, when it is another one than the caller's."""
    try:
        named = json.loads(body).get("registryId")
    except (ValueError, AttributeError, TypeError):
        return None
    return named if named and named != get_account_id() else None


def repository_policy(arn):
    """A repository's own policy and owner: of another account, both it and the caller's policies have to
    allow a call. MiniStack looks for the repository in the caller's account."""
    region, account = arn.split(":")[3:5]
    with request_scope(account, region):
        return _repository_policy(arn)


async def ecr_in_its_account(method, path, headers, body, query_params):
    """A registry of another account that has let the caller in; MiniStack answers with the caller's own."""
    with request_scope(registry(body) or get_account_id(), get_region()):
        return await _ecr(method, path, headers, body, query_params)


def run_task(request):
    """A task that nobody runs is over at once, and well. With `REHEARSAL_TASKS_END` only: a test plays how
    a task ends."""
    status, headers, body = _run_task(request)
    if status == 200:
        for told in json.loads(body)["tasks"]:
            task = ecs._tasks[told["taskArn"]]
            if not task.get("_docker_ids"):
                task.update(lastStatus="STOPPED", desiredStatus="STOPPED",
                            stopCode="EssentialContainerExited",
                            stoppedReason="Essential container in task exited")
                for container in task["containers"]:
                    container.update(lastStatus="STOPPED", exitCode=0)
    return status, headers, body


def parameter(query, name):
    """A parameter of a Query request, none when it is missing or empty."""
    values = query.get(name)
    return (values[0] if isinstance(values, list) else values) or None


def stack_arn(query):
    """The stack of the change set that a request names by its ARN alone.

    One that only a test plays belongs to a stack of its own name.
    """
    change_set = parameter(query, "ChangeSetName")
    if not change_set or parameter(query, "StackName"):
        return None
    known = cloudformation._change_sets.get(change_set, {}).get("StackId")
    return known or change_set.replace(":changeSet/", ":stack/")


def request_context(service, iam_action, body, query):
    """And the condition keys of change sets: their name, the role and the template's address; and the
    source of an event."""
    context = _request_context(service, iam_action, body, query)
    if iam_action == "events:PutEvents":
        return {**context, "events:source": json.loads(body)["Entries"][0].get("Source", "")}
    if service != "cloudformation":
        return context
    keys = {"ChangeSetName": "ChangeSetName", "RoleARN": "RoleArn", "TemplateURL": "TemplateUrl"}
    sent = {key: parameter(query, name) for name, key in keys.items()}
    return {**context, **{f"cloudformation:{key}": value for key, value in sent.items() if value}}


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


def get_object(bucket, key, headers, query_params=None):
    """A piece of an object whose version is named: MiniStack alone would answer all of it."""
    status, answered, body = _get_object(bucket, key, headers, query_params)
    wanted = headers.get("range", "")
    if status != 200 or not wanted:
        return status, answered, body
    piece = s3._parse_range(wanted, len(body))
    if piece is None:
        return status, answered, body
    start, end = piece
    # A checksum is of the whole.
    answered = {k: v for k, v in answered.items() if not k.lower().startswith("x-amz-checksum-")}
    answered["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
    answered["Content-Length"] = str(end + 1 - start)
    return 206, answered, body[start:end + 1]


def task_definition(logical_id, props, stack_name):
    """A task definition of a template, its containers in the form that the API has them in."""
    members = ecs_input("RegisterTaskDefinition").members
    fitted = {key: fit(value, members[camel(key)])
              for key, value in props.items() if key in ("ContainerDefinitions", "Volumes")}
    return _task_definition(logical_id, {**props, **fitted}, stack_name)


def create_service(request):
    """What a template says comes here, too."""
    return services["CreateService"](fit(request, ecs_input("CreateService")))


def update_service(request):
    """As above."""
    return services["UpdateService"](fit(request, ecs_input("UpdateService")))


def in_one_piece(operation):
    """An operation on services that no other one gets into.

    Of two equal updates at the same time ECS lets the second start nothing, and an ACTIVE service has
    its PRIMARY deployment whenever somebody looks. MiniStack gives each request a thread: two such
    updates each start the task that is missing, or a deployment, and nobody counts again before the
    next update. Of 400 pairs 285 left two tasks of one running for ever, which never settles, and 28
    two PRIMARY deployments; of 400 looks in between 36 saw none or two.

    With containers an update may wait for some that stop, and the others for it; starting them is for
    threads of their own.
    """
    @functools.wraps(operation)
    def alone(request):
        with one_at_a_time:
            return operation(request)
    return alone


@functools.cache
def ecs_input(operation):
    """The shape of an operation's request, as AWS's own model has it."""
    model = botocore.session.get_session().get_service_model("ecs")
    return model.operation_model(operation).input_shape


def fit(value, shape):
    """A template's value as the API has it: parameters are texts even if they are numbers, and names
    have other capital letters (EFSVolumeConfiguration, efsVolumeConfiguration). CloudFormation translates
    both; MiniStack translates some."""
    if value is None:
        return None
    if shape.type_name == "structure" and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        named = {members.get(key.lower(), camel(key)): one for key, one in value.items()}
        return {key: fit(one, shape.members[key]) if key in shape.members else one
                for key, one in named.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [fit(one, shape.member) for one in value]
    if isinstance(value, str):
        if shape.type_name in ("integer", "long"):
            return int(value)
        if shape.type_name in ("float", "double"):
            return float(value)
        if shape.type_name == "boolean":
            return value.lower() == "true"
    return value


def camel(key):
    """What the API has no such name for."""
    return key[:1].lower() + key[1:]


def apply_input_transformer(transformer, rule, view):
    """Paths of EventBridge may name a member of a list ($.resources[0]); MiniStack knows names only."""
    event = json.loads(json.dumps(view.event_with_detail()), object_hook=Indexed)
    whole = types.SimpleNamespace(event_with_detail=lambda: event, envelope=view.envelope)
    return _apply_input_transformer(transformer, rule, whole)


class Indexed(dict):
    """An object that has `resources[0]`, too."""

    def __missing__(self, key):
        name, _, index = key.removesuffix("]").partition("[")
        if not index:
            raise KeyError(key)
        return self[name][int(index)]


def record_task_healthy(service, task):
    """A task whose containers have a health check is well once that says so, and stopped when it does not.
    MiniStack asks nobody: whatever runs for a second is well."""
    if task.get("lastStatus") != "RUNNING" or is_well(task):
        return _record_task_healthy(service, task)
    if ecs._mark_task_stopped(task["taskArn"], task, "Task failed container health checks",
                              "ServiceSchedulerInitiated"):
        ecs._cleanup_task_resources(task, None)
        ecs._record_service_task_failure(task)
    return None


def is_well(task):
    """Asks each container that has a check until it is well, or has failed as often as it may; a task that
    somebody stops meanwhile is not unwell."""
    definition = ecs._task_defs[ecs._resolve_td_key(task["taskDefinitionArn"])]
    containers = list(zip(definition["containerDefinitions"], task.get("_docker_ids", []), task["containers"]))
    for asked, docker_id, told in containers:
        check = asked.get("healthCheck")
        if check and check["command"][0] != "NONE":
            well = becomes_well(task, docker_id, check)
            told["healthStatus"] = "HEALTHY" if well else "UNHEALTHY"
            if not well:
                task["healthStatus"] = "UNHEALTHY"
                return False
    task["healthStatus"] = "HEALTHY"
    return True


def becomes_well(task, docker_id, check):
    """ECS asks every `interval`, and failures of the first `startPeriod` do not count. Here it is asked
    every second while it starts, so that nobody waits who is well. `REHEARSAL_HEALTH_SCALE` shortens both
    for those that are not."""
    started, failures = time.monotonic(), 0
    while ecs._task_is_active(task["taskArn"], task) and task["lastStatus"] == "RUNNING":
        if says_well(docker_id, check):
            return True
        starts = time.monotonic() - started < health_scale * check.get("startPeriod", 0)
        failures += not starts
        if failures >= check.get("retries", 3):
            return False
        time.sleep(min(1, health_scale) if starts else health_scale * check.get("interval", 30))
    return True


def says_well(docker_id, check):
    """Runs a check in its container, as long as it may take."""
    kind, *command = check["command"]
    docker = ecs._get_docker().api
    try:
        asked = docker.exec_create(docker_id, ["/bin/sh", "-c", *command] if kind == "CMD-SHELL" else command)
        docker.exec_start(asked, detach=True)
        until = time.monotonic() + check.get("timeout", 5)
        while (seen := docker.exec_inspect(asked))["Running"]:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return seen["ExitCode"] == 0
    except Exception:  # A container that has ended, or a command that is not there.
        return False


def simulate(query):
    """What a role's policies and its boundary say. MiniStack looks at the first resource, at no context,
    and does not find the policies of a role with a path, nor miss a role that is not there."""
    arn = parameter(query, "PolicySourceArn") or ""
    account, name = arn.split(":")[4:5], arn.rsplit("/", 1)[-1]
    if ":role/" not in arn or iam._roles.get_scoped(*account, None, name) is None:
        return iam._error(404, "NoSuchEntity", f"Principal {arn} does not exist.", ns="iam")
    policies = iam_evaluator._gather_role_policies(name, *account)
    limits = iam_evaluator._permissions_boundary(iam._roles, name, *account)
    entries = members(query, "ContextEntries.member.{}.ContextKeyName")
    values = members(query, "ContextEntries.member.{}.ContextKeyValues.member.1")
    context = {key.lower(): value for key, value in zip(entries, values)}
    resources = members(query, "ResourceArns.member.{}") or ["*"]

    def decision(action, resource):
        asked = iam_evaluator.EvalContext(
            principal_arn=arn, principal_type="AssumedRole", principal_account=account[0],
            action=action, resource_arn=resource, region=context.get("aws:requestedregion", ""),
            secure_transport=True, service_context=context)
        said = iam_evaluator.evaluate(asked, policies, *limits).decision
        return {"Allow": "allowed", "Deny": "explicitDeny"}.get(said, "implicitDeny")

    results = "".join(
        result(action, [(one, decision(action, one)) for one in resources])
        for action in members(query, "ActionNames.member.{}"))
    return iam._xml(200, "SimulatePrincipalPolicyResponse",
                    f"<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults>"
                    "<IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult>", ns="iam")


def result(action, decisions):
    """One action's: of several resources the whole names a pattern, and each has a decision of its own."""
    said = {decision for _, decision in decisions}
    whole = next((worst for worst in ("explicitDeny", "implicitDeny") if worst in said), "allowed")
    name = decisions[0][0] if len(decisions) == 1 else "*"
    each = "".join(
        f"<member><EvalResourceName>{xml(one)}</EvalResourceName>"
        f"<EvalResourceDecision>{decision}</EvalResourceDecision></member>" for one, decision in decisions)
    return (f"<member><EvalActionName>{xml(action)}</EvalActionName>"
            f"<EvalResourceName>{xml(name)}</EvalResourceName><EvalDecision>{whole}</EvalDecision>"
            f"<ResourceSpecificResults>{each}</ResourceSpecificResults></member>")


def members(query, name):
    """A list of a Query request."""
    numbered = (parameter(query, name.format(n)) for n in itertools.count(1))
    return list(itertools.takewhile(bool, numbered))


def sse_headers(headers, bucket):
    """On AWS `aws:kms` without a key means the account's own key for S3; MiniStack has none."""
    if headers.get("x-amz-server-side-encryption") == "aws:kms":
        headers = {"x-amz-server-side-encryption-aws-kms-key-id": "alias/aws/s3", **headers}
    return _sse_headers(headers, bucket)


def pin_request_origin(address, _):
    """On AWS every call of an SDK comes by TLS. Here none does, and a bucket's policy that asks for it
    would refuse them all."""
    _pin_request_origin(address, True)


one_at_a_time = threading.RLock()
health_scale = float(os.environ.get("REHEARSAL_HEALTH_SCALE", 1))
services = {name: in_one_piece(ecs._ACTION_MAP[name])
            for name in ("CreateService", "UpdateService", "DescribeServices")}

app.pin_request_origin = pin_request_origin
provisioners._ecs_task_def_create = task_definition
provisioners._RESOURCE_HANDLERS["AWS::ECS::TaskDefinition"]["create"] = task_definition
ecs._ACTION_MAP.update(services)
ecs._create_service = create_service
ecs._update_service = update_service
ecs._record_service_task_healthy = record_task_healthy
eventbridge._apply_input_transformer = apply_input_transformer
iam_actions.SERVICE_TO_IAM_NAMESPACE["codepipeline"] = "codepipeline"
iam_actions.extract_resource_arn = resource_arn
iam_actions.request_tag_context = request_context
iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate
s3._get_object = get_object
s3._resolve_sse_write_headers = sse_headers
app.SERVICE_HANDLERS["codepipeline"] = codepipeline
ecr.repository_policy_for_arn = repository_policy
app.SERVICE_HANDLERS["ecr"] = ecr_in_its_account
# Of a type that it does not list, MiniStack says of every property that a change may replace the
# resource; AWS's schema lists those that do.
provisioners._REPLACING_PROPERTIES["AWS::ECS::Service"] = (
    "Cluster", "Role", "SchedulingStrategy", "ServiceName")
provisioners._CONDITIONALLY_REPLACING_PROPERTIES["AWS::ECS::Service"] = ("LaunchType",)
if os.environ.get("REHEARSAL_TASKS_END"):
    ecs._ACTION_MAP["RunTask"] = run_task
app.main()
