//! Sources and builds: where they read, as whom, and what they leave.

use super::*;

#[test]
fn sources_come_from_s3_as_the_pipelines_role() {
    let world = world();
    let tooling = world.rehearsal.tooling();
    tooling.create_bucket("rehearse-source").unwrap();
    let zip = world
        .suite
        .store
        .put_artifact("Zip", &[("README", b"x")])
        .unwrap();
    let zip = world.suite.store.read(&zip).unwrap();
    let version = tooling
        .put_object("rehearse-source", "code.zip", &[], zip)
        .unwrap();
    let mut from_s3 = source("Source");
    from_s3["Actions"][0]["ActionTypeId"]["Provider"] = "S3".into();
    from_s3["Actions"][0]["Configuration"] =
        json!({ "S3Bucket": "rehearse-source", "S3ObjectKey": "code.zip" });
    let mut asks = approval("Production", json!({}));
    let topic = "arn:aws:sns:us-east-1:111111111111:rehearse-topic";
    tooling
        .query("sns", "CreateTopic", &[("Name", "rehearse-topic")])
        .unwrap();
    asks["Actions"][0]["Configuration"]["NotificationArn"] = topic.into();
    let mut elsewhere = update("Away", "Source");
    elsewhere["Actions"][0]["Region"] = "eu-west-1".into();
    let stages = json!([from_s3, elsewhere, asks]);
    let run = |name: &str, may: &[Value]| {
        let mut given = properties(&world, name, "SUPERSEDED", stages.clone());
        let store = given["ArtifactStore"].clone();
        let regions = ["us-east-1", "eu-west-1"];
        given["ArtifactStores"] = regions
            .iter()
            .map(|region| json!({ "Region": region, "ArtifactStore": store }))
            .collect();
        given.as_object_mut().unwrap().remove("ArtifactStore");
        given["RoleArn"] = role(&world, &format!("{name}-own"), may).into();
        let watcher = Watcher::new(Say::Approve);
        let pipeline = pipeline(&world, &given, Inputs::default(), &watcher);
        let id = start(&pipeline);
        end(&pipeline, &id)
    };
    let denied = problem(&run("rehearse-s3-denied", &[]), "Source", "Code");
    assert_eq!(denied.code, "PermissionError", "{denied:#?}");
    assert!(
        denied.message.contains("s3://rehearse-source/code.zip"),
        "{denied:#?}"
    );
    let reads = json!({ "Effect": "Allow", "Action": "s3:GetObject*", "Resource": "arn:aws:s3:::rehearse-source/*" });
    let untold = problem(
        &run("rehearse-s3-untold", std::slice::from_ref(&reads)),
        "Production",
        "Approve",
    );
    assert_eq!(untold.code, "PermissionError", "{untold:#?}");
    assert!(untold.message.contains(topic), "{untold:#?}");
    let tells = json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": topic });
    let ended = run("rehearse-s3", &[reads, tells]);
    assert_eq!(ended.status, Status::Succeeded, "{ended:#?}");
    assert_eq!(
        ended.action("Source", "Code").unwrap().variables["VersionId"],
        version
    );
    let away = ended.action("Away", "Update").unwrap();
    assert!(
        away.not_run.as_ref().unwrap().contains("in another region"),
        "{away:#?}"
    );
}

#[test]
fn a_build_makes_several_artifacts() {
    let world = world();
    let mut pack = building("Pack", "Source", "Web");
    pack["OutputArtifacts"] = json!([{ "Name": "Web" }, { "Name": "Docs" }]);
    let mut again = building("Again", "Web", "Final");
    again["InputArtifacts"] = json!([{ "Name": "Web" }, { "Name": "Docs" }]);
    again["Configuration"]["PrimarySource"] = "Docs".into();
    let build = |name: &str, action: Value| json!({ "Name": name, "Actions": [action] });
    let stages = json!([
        source("Source"),
        build("Build", pack),
        build("Rebuild", again)
    ]);
    let given = properties(&world, "rehearse-roles", "SUPERSEDED", stages);
    let mut inputs = from(folder(
        &world,
        "rehearse-roles",
        &[("a.html", "a"), ("b.md", "b")],
    ));
    let project = |spec: &str| Project {
        buildspec: Some(format!("{spec}\n")),
        environment: BTreeMap::from([("MORE".into(), "more".into())]),
        ..Project::default()
    };
    let pack = "{version: 0.2, phases: {build: {commands: ['test $MORE = more']}}, artifacts: {
        secondary-artifacts: {Web: {files: ['*.html']}, Docs: {files: ['*.md']}}}}";
    let again = "{version: 0.2, phases: {build: {commands: [
        'test -f b.md && test -f $CODEBUILD_SRC_DIR_Web/a.html',
        '! git rev-parse --git-dir',
        'test -n \"$AWS_ENDPOINT_URL\" && test $AWS_REGION = us-east-1']}}, artifacts: {files: ['**/*']}}";
    inputs.builds.insert("Pack".into(), project(pack));
    inputs.builds.insert("Again".into(), project(again));
    let watcher = Watcher::new(Say::Approve);
    let first = pipeline(&world, &given, inputs, &watcher);
    let id = start(&first);
    let ended = end(&first, &id);
    assert_eq!(
        ended.status,
        Status::Succeeded,
        "{ended:#?} {:#?}",
        watcher.events()
    );
}

#[test]
fn a_build_is_its_projects_role_and_nobody_else() {
    let world = world();
    let name = "rehearse-identity";
    let stages = json!([source("Source"),
        { "Name": "Build", "Actions": [building("Pack", "Source", "Build")] }]);
    let mut given = properties(&world, name, "SUPERSEDED", stages);
    let python = world.rehearsal.tools().python();
    let who = format!(
        "{} -c 'import botocore.session as s; \
         print(s.get_session().create_client(\"sts\").get_caller_identity()[\"Arn\"])'",
        python.display()
    );
    let spec = json!({ "version": 0.2, "phases": { "build": { "commands": [
        "export AWS_ENDPOINT_URL_STS=https://sts.amazonaws.com HOME=/nowhere",
        who,
        "docker --version || true",
        "test $HOME = $(dirname $CODEBUILD_SRC_DIR)/home && test -z \"$DOCKER_HOST\"",
    ] } }, "artifacts": { "files": ["a"] } });
    let mut inputs = from(folder(&world, name, &[("a", "b")]));
    let watcher = Watcher::new(Say::Approve);
    let mut run = |given: &Value, role: &str| {
        let project = Project {
            buildspec: Some(spec.to_string()),
            environment: BTreeMap::from([
                ("AWS_ACCESS_KEY_ID".into(), "AKIAREAL".into()),
                ("AWS_SECRET_ACCESS_KEY".into(), "real".into()),
            ]),
            role: Some(role.into()),
            ..Project::default()
        };
        inputs.builds.insert("Pack".into(), project);
        let pipeline = pipeline(&world, given, inputs.clone(), &watcher);
        let id = start(&pipeline);
        end(&pipeline, &id)
    };
    let codebuild = "codebuild.amazonaws.com";
    let own = role_of(&world, codebuild, "rehearse-builder", &[]);
    let ended = run(&given, &own);
    let events = watcher.events();
    assert_eq!(ended.status, Status::Succeeded, "{ended:#?} {events:#?}");
    let heard = |wanted: &str| {
        events.iter().any(|event| match &event.what {
            What::BuildLine { line } => line == wanted,
            What::NotRun { why } => why.contains(wanted),
            _ => false,
        })
    };
    for wanted in [
        "arn:aws:sts::111111111111:assumed-role/rehearse-builder/codebuild",
        "a key that is not of the AWS on this machine",
        "the project has no PrivilegedMode",
    ] {
        assert!(heard(wanted), "no {wanted:?}: {events:#?}");
    }

    let refused = |given: &Value, role: &str, run: &mut dyn FnMut(&Value, &str) -> Execution| {
        problem(&run(given, role), "Build", "Pack")
    };
    let untrusting = role(&world, "rehearse-untrusting", &[]);
    let problem = refused(&given, &untrusting, &mut run);
    assert!(
        problem
            .message
            .contains("codebuild.amazonaws.com may not assume"),
        "{problem:#?}"
    );
    let no_objects = json!({ "Effect": "Deny", "Action": "s3:*", "Resource": "*" });
    let unreading = role_of(&world, codebuild, "rehearse-unreading", &[no_objects]);
    let problem = refused(&given, &unreading, &mut run);
    assert_eq!(problem.code, "JobFailed", "{problem:#?}");
    assert!(
        problem.message.contains("cannot read the artifact Source"),
        "{problem:#?}"
    );
    given["RoleArn"] = role(&world, "rehearse-unbuilding", &[invokes()]).into();
    let problem = refused(&given, &own, &mut run);
    assert_eq!(problem.code, "PermissionError", "{problem:#?}");
    assert!(
        problem.message.contains("may not codebuild:StartBuild"),
        "{problem:#?}"
    );
}

#[test]
fn a_build_that_fails_still_cleans_up() {
    let world = world();
    let stages = json!([source("Source"),
        { "Name": "Build", "Actions": [building("Pack", "Source", "Build")] }]);
    let given = properties(&world, "rehearse-build", "SUPERSEDED", stages);
    let mut inputs = from(folder(&world, "rehearse-build", &[("a", "b")]));
    let spec = "{version: 0.2, cache: {paths: [x]}, phases: {
        build: {commands: [exit 3], finally: ['echo finally']},
        post_build: {commands: ['echo cleaned $CODEBUILD_BUILD_SUCCEEDING']}}}\n";
    let project = Project {
        buildspec: Some(spec.into()),
        ..Project::default()
    };
    inputs.builds.insert("Pack".into(), project);
    let watcher = Watcher::new(Say::Approve);
    let pipeline = pipeline(&world, &given, inputs, &watcher);
    let id = start(&pipeline);
    let ended = end(&pipeline, &id);
    let problem = problem(&ended, "Build", "Pack");
    assert!(
        problem.message.contains("phase build failed"),
        "{problem:#?}"
    );
    let events = watcher.events();
    let heard = |wanted: &str| {
        events.iter().any(|event| match &event.what {
            What::BuildLine { line } => line == wanted,
            What::NotRun { why } => why.contains(wanted),
            _ => false,
        })
    };
    for wanted in ["finally", "cleaned 0", "cache of the buildspec"] {
        assert!(heard(wanted), "no {wanted:?}: {events:#?}");
    }
}

#[test]
fn a_build_ends_when_it_is_abandoned_or_late() {
    let world = world();
    let name = "rehearse-endless";
    let stages = json!([source("Source"),
        { "Name": "Build", "Actions": [building("Pack", "Source", "Build")] }]);
    let given = properties(&world, name, "SUPERSEDED", stages);
    let mut inputs = from(folder(&world, name, &[("a", "b")]));
    let mut project = Project {
        buildspec: Some("{version: 0.2, phases: {build: {commands: ['sleep 3600']}}}\n".into()),
        ..Project::default()
    };
    inputs.builds.insert("Pack".into(), project.clone());
    let watcher = Watcher::new(Say::Approve);
    let abandoned = pipeline(&world, &given, inputs.clone(), &watcher);
    let id = start(&abandoned);
    // It is told before it is started: whatever comes first, it ends.
    watcher.wait_heard(
        &id,
        |what| matches!(what, What::BuildLine { line } if line == "$ sleep 3600"),
    );
    abandoned.stop(&id, true).unwrap();
    assert_eq!(end(&abandoned, &id).status, Status::Stopped);
    drop(abandoned);

    project.timeout = Some(Duration::from_millis(100));
    inputs.builds.insert("Pack".into(), project);
    let late = pipeline(&world, &given, inputs, &watcher);
    let id = start(&late);
    let problem = problem(&end(&late, &id), "Build", "Pack");
    assert!(problem.message.contains("TimeoutInMinutes"), "{problem:#?}");
}

/// The usual buildspec, with nothing changed for the rehearsal: no engine is asked, and ECR has the image.
#[test]
fn a_build_makes_an_image_and_pushes_it() {
    let world = world();
    let name = "rehearse-images";
    let account = world.suite.other.clone();
    rehearsal::world::create_repository(&account, name).unwrap();
    let registry = format!(
        "{}.dkr.ecr.{}.amazonaws.com",
        account.id(),
        account.region()
    );
    let login = format!(
        "aws ecr get-login-password --region {} | docker login --username AWS --password-stdin {registry}",
        account.region()
    );
    let commands = |repository: &str| {
        json!([
            login,
            format!("docker build --build-arg VERSION=$COMMIT --tag {registry}/{repository}:one ."),
            format!("docker tag {registry}/{repository}:one {registry}/{repository}:two"),
            format!("docker push {registry}/{repository}:one"),
            format!("docker push {registry}/{repository}:two"),
        ])
    };
    let stages = json!([source("Source"),
        { "Name": "Build", "Actions": [building("Pack", "Source", "Build")] }]);
    let given = properties(&world, name, "SUPERSEDED", stages);
    let mut inputs = from(folder(
        &world,
        name,
        &[("Dockerfile", "FROM scratch"), ("a", "b")],
    ));
    let may_log_in =
        json!({ "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*" });
    let role = role_of(
        &world,
        "codebuild.amazonaws.com",
        "rehearse-pusher",
        &[may_log_in],
    );
    let watcher = Watcher::new(Say::Approve);
    let mut run = |repository: &str| {
        let spec = json!({ "version": 0.2,
            "phases": { "build": { "commands": commands(repository) } },
            "artifacts": { "files": ["a"] } });
        let project = Project {
            buildspec: Some(spec.to_string()),
            role: Some(role.clone()),
            privileged: true,
            ..Project::default()
        };
        inputs.builds.insert("Pack".into(), project);
        let pipeline = pipeline(&world, &given, inputs.clone(), &watcher);
        let id = start(&pipeline);
        end(&pipeline, &id)
    };
    let ended = run(name);
    let events = watcher.events();
    assert_eq!(ended.status, Status::Succeeded, "{ended:#?} {events:#?}");
    let told = |word: &str| {
        events.iter().any(|event| match &event.what {
            What::NotRun { why } => why.contains(word),
            What::BuildLine { line } => line.contains(word),
            _ => false,
        })
    };
    assert!(
        told("its images are records") && told("Login Succeeded"),
        "{events:#?}"
    );
    let digest = |tag: &str| {
        let asked = json!({ "repositoryName": name, "imageIds": [{ "imageTag": tag }] });
        let target = "AmazonEC2ContainerRegistry_V20150921.DescribeImages";
        let found = account.json("ecr", target, asked).unwrap();
        found["imageDetails"][0]["imageDigest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(digest("one"), digest("two"));
    assert!(told(&digest("one")), "{events:#?}");

    let failed = problem(&run("no-such-repository"), "Build", "Pack");
    assert!(failed.message.contains("phase build failed"), "{failed:#?}");
    let events = watcher.events();
    let why = |event: &rehearsal::pipeline::Event| matches!(&event.what, What::BuildLine { line } if line.contains("answers 404"));
    assert!(events.iter().any(why), "{events:#?}");
}
