"""The job of task-definition-updater in plain boto3: what `cargo xtask bench` measures it beside.

Written as boto3's own pages teach it, with nothing left out that makes it fast: clients that can be
kept are made once, and the artifact goes to a file, so that its size costs no memory. It does one
job well; it does not try to explain a failure, to undo it, or to be delivered twice.
"""

import json
import os
import shutil
import tempfile
import time
import zipfile

import boto3

LOOK_EVERY = float(os.environ.get("LOOK_EVERY_SECONDS", "5"))
# Before the function's own end, the job goes on in another invocation.
YIELD_MS = 60_000
# What RegisterTaskDefinition does not take back of what DescribeTaskDefinition answers.
READ_ONLY = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)

codepipeline = boto3.client("codepipeline")
sts = boto3.client("sts")


class RolloutFailed(Exception):
    """What the person at the pipeline reads."""


def handler(event, context):
    job = event["CodePipeline.job"]
    try:
        result = roll_out(job["data"], context)
    except Exception as error:  # Whatever it is, CodePipeline has to hear of it.
        details = {"type": "JobFailed", "message": str(error) or type(error).__name__}
        codepipeline.put_job_failure_result(jobId=job["id"], failureDetails=details)
    else:
        codepipeline.put_job_success_result(jobId=job["id"], **result)


def roll_out(data, context):
    """The arguments of PutJobSuccessResult."""
    parameters = json.loads(data["actionConfiguration"]["configuration"]["UserParameters"])
    artifact, _, path = parameters["rollout"].partition("::")
    rollout, images = read(data, artifact, [path, "imagedefinitions.json"])
    images = {image["name"]: image["imageUri"] for image in images}
    ecs = client_for(rollout)
    if "continuationToken" in data:
        became = json.loads(data["continuationToken"])
    else:
        became = [deploy(ecs, target, images) for target in rollout["targets"]]
    while True:
        waiting = [
            target["service"]
            for target, arn in zip(rollout["targets"], became)
            if not finished(ecs, target, arn)
        ]
        if not waiting:
            return {"outputVariables": {"TaskDefinitionArns": ",".join(became)}}
        if context.get_remaining_time_in_millis() < YIELD_MS:
            return {"continuationToken": json.dumps(became)}
        time.sleep(LOOK_EVERY)


def read(data, artifact, paths):
    """Files of an input artifact, opened with the job's own credentials."""
    location = next(
        found["location"]["s3Location"]
        for found in data["inputArtifacts"]
        if found["name"] == artifact
    )
    credentials = data["artifactCredentials"]
    s3 = boto3.client(
        "s3",
        aws_access_key_id=credentials["accessKeyId"],
        aws_secret_access_key=credentials["secretAccessKey"],
        aws_session_token=credentials["sessionToken"],
    )
    answer = s3.get_object(Bucket=location["bucketName"], Key=location["objectKey"])
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(answer["Body"], file)
        with zipfile.ZipFile(file) as archive:
            return [json.loads(archive.read(path)) for path in paths]


def client_for(rollout):
    """ECS in the target's region, as the target's role."""
    assumed = sts.assume_role(
        RoleArn=rollout["role"],
        RoleSessionName="boto3-updater",
        ExternalId=rollout["externalId"],
    )["Credentials"]
    return boto3.client(
        "ecs",
        region_name=rollout["region"],
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )


def describe(ecs, target):
    answer = ecs.describe_services(cluster=target["cluster"], services=[target["service"]])
    if not answer["services"]:
        raise RolloutFailed(f"there is no service {target['service']}")
    return answer["services"][0]


def deploy(ecs, target, images):
    """Registers the running task definition with the new images, and brings the service to it."""
    running = describe(ecs, target)["taskDefinition"]
    definition = ecs.describe_task_definition(taskDefinition=running)["taskDefinition"]
    for container in definition["containerDefinitions"]:
        container["image"] = images.get(container["name"], container["image"])
    for field in READ_ONLY:
        definition.pop(field, None)
    became = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(
        cluster=target["cluster"], service=target["service"], taskDefinition=became
    )
    return became


def finished(ecs, target, became):
    """Whether the service runs our task definition and nothing else; an error when it will not."""
    service = describe(ecs, target)
    primary = next(found for found in service["deployments"] if found["status"] == "PRIMARY")
    if primary["taskDefinition"] != became or primary.get("rolloutState") == "FAILED":
        raise RolloutFailed(f"service {target['service']}: the deployment failed")
    return (
        primary.get("rolloutState") == "COMPLETED"
        and len(service["deployments"]) == 1
        and primary["runningCount"] == primary["desiredCount"]
    )
