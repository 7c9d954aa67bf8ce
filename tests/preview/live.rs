//! What a preview shows of the live state: alarms, drift, tags, commits, and what it hides.

mod drift;

use rehearsal::codepipeline::JobSpec;
use rehearsal::proxy::{Fault, What, When};
use rehearsal::world as made;
use serde_json::{Value, json};

use super::job::refused;
use super::roles::{EXECUTION, executed};
use super::told;
use crate::fixture::{Case, World, succeeded, world};

impl World {
    /// A preview of a service by who may pass its roles, with more parameters.
    fn preview_live(&self, job: &JobSpec, more: &Value) -> JobSpec {
        let mut parameters = json!({"deployer": self.roles()});
        for (key, value) in more.as_object().unwrap() {
            parameters[key] = value.clone();
        }
        self.preview_of(job, &parameters)
    }

    /// A service whose tasks have an execution role.
    fn live(&self, name: &str) -> Case {
        self.roles();
        self.case_with(name, executed)
    }

    /// The page of a preview that succeeds.
    fn live_page(&self, job: &JobSpec, more: &Value) -> String {
        let preview = self.preview_live(job, more);
        self.page(&succeeded(&self.run(preview))).html
    }
}

#[test]
fn deployment_alarms_that_ring_already_are_shown() {
    let world = world();
    world.roles();
    let other = &world.suite.other;
    for alarm in ["preview-rings", "preview-quiet"] {
        let put = [
            ("AlarmName", alarm),
            ("MetricName", "Errors"),
            ("Namespace", "Web"),
            ("Period", "60"),
            ("EvaluationPeriods", "1"),
            ("Threshold", "1"),
            ("Statistic", "Sum"),
            ("ComparisonOperator", "GreaterThanThreshold"),
        ];
        other.query("monitoring", "PutMetricAlarm", &put).unwrap();
        let state = if alarm == "preview-rings" {
            "ALARM"
        } else {
            "OK"
        };
        let set = [
            ("AlarmName", alarm),
            ("StateValue", state),
            ("StateReason", "3 errors < 5 minutes"),
        ];
        other.query("monitoring", "SetAlarmState", &set).unwrap();
    }
    let case = world.case_with("preview-alarms", |spec| {
        executed(spec);
        let alarms = json!({
            "alarmNames": ["preview-quiet", "preview-rings"], "enable": true, "rollback": true,
        });
        let configuration = json!({
            "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            "minimumHealthyPercent": 100, "maximumPercent": 200, "alarms": alarms,
        });
        spec.service
            .insert("deploymentConfiguration".into(), configuration);
    });
    let html = world.live_page(&world.job(&case), &json!({}));
    let expected = ["preview-alarms: preview-rings: 3 errors < 5 minutes"];
    assert_eq!(told::concerns(&html, "alarms"), expected);
    assert!(told::text(&html).contains("preview-quiet, preview-rings"));
}

/// Tags of both images, by what the build and ECR call them, and the commits of the execution.
#[test]
fn images_have_their_tags_and_the_execution_its_commits() {
    let world = world();
    let case = world.live("preview-tags");
    let commits = What::edit_json(|answer| {
        answer["pipelineExecution"]["artifactRevisions"] = json!([{
            "name": "Source", "revisionId": "0123456789abcdef0123456789abcdef01234567",
            "revisionSummary": "Make it <b>blue</b>", "revisionUrl": "https://git.example/0123",
        }]);
    });
    let when = When::next("codepipeline", "GetPipelineExecution");
    world.rehearsal.proxy().inject(Fault {
        when,
        what: commits,
    });
    let html = world.live_page(&world.job(&case), &json!({"pipeline": "orders"}));
    let (_, row) = html.split_once("data-image=\"preview-tags\"").unwrap();
    let row = row.split("</tr>").next().unwrap();
    let tags = row.split("<code class=\"tag\">").skip(1);
    let tags: Vec<&str> = tags.map(|tag| tag.split('<').next().unwrap()).collect();
    assert_eq!(tags, ["v1", "v2"], "{row}");
    assert!(row.contains(&case.digest), "{row}");
    let (_, sources) = html.split_once("id=\"sources\"").unwrap();
    let sources = sources.split("</section>").next().unwrap();
    assert!(
        sources.contains("href=\"https://git.example/0123\""),
        "{sources}"
    );
    assert!(
        told::text(sources).contains("Make it <b>blue</b>"),
        "{sources}"
    );
    assert!(!sources.contains("<b>blue"), "{sources}");
}

/// What an environment variable holds is shown on demand only; its name always is.
#[test]
fn values_are_masked_unless_they_are_asked_for() {
    let world = world();
    let case = world.live("preview-mask");
    let definition = json!({
        "family": "preview-mask", "executionRoleArn": EXECUTION, "cpu": "512", "memory": "1024",
        "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{
            "name": "preview-mask", "image": "placeholder", "essential": true,
            "environment": [{"name": "PASSWORD", "value": "hunter2"}],
        }],
    });
    let definition = definition.to_string();
    let files = [("taskdef.json", definition.as_bytes())];
    let file =
        |file: &mut Value| file["targets"][0]["taskDefinition"] = "Build::taskdef.json".into();
    let job = world.job_with(&case, file, &files);
    for (more, shown) in [
        (json!({}), false),
        (json!({"showValues": false}), false),
        (json!({"showValues": true}), true),
    ] {
        let preview = world.preview_live(&job, &more);
        let variables = succeeded(&world.run(preview));
        let html = world.page(&variables).html;
        assert!(html.contains("PASSWORD"), "{html}");
        assert_eq!(html.contains("hunter2"), shown, "{more}: {html}");
        assert!(!variables["Summary"].contains("hunter2"));
        // What is no value of a variable is shown in any case.
        assert!(
            html.contains("data-path=\"cpu\"") && html.contains("1024"),
            "{html}"
        );
    }
}

/// Production pulls from a repository of its own: the same digest, and nothing foreign about it.
#[test]
fn images_of_a_mapped_repository_keep_their_digest() {
    let world = world();
    let case = world.live("preview-mapped");
    let manifest = made::manifest("preview-mapped v2");
    let tested = made::put_image(&world.suite.own, "preview-tested", "v2", &manifest).unwrap();
    assert_eq!(tested, case.digest);
    let from = made::repository_uri(&world.suite.own, "preview-tested");
    let images = json!([{"name": "preview-mapped", "imageUri": format!("{from}:v2")}]).to_string();
    let files = [("imagedefinitions.json", images.as_bytes())];
    let to = case.repository.clone();
    let job = world.job_with(
        &case,
        |file| file["repositories"] = json!({&from: to}),
        &files,
    );
    let html = world.live_page(&job, &json!({}));
    let pinned = format!("{}:v2@{}", case.repository, case.digest);
    assert!(html.contains(&pinned), "{html}");
    assert_eq!(told::refusals(&html), Vec::<String>::new());
    assert_eq!(told::concerns(&html, "not-proven"), Vec::<String>::new());
    let exceptions = told::concerns(&html, "exceptions");
    assert_eq!(
        exceptions,
        [format!("repositories: {from} → {}", case.repository)]
    );
}

/// A service that runs no task proves nothing.
#[test]
fn a_service_without_tasks_is_refused_unless_that_is_allowed() {
    let world = world();
    world.roles();
    let case = world.case_with("preview-zero", |spec| {
        executed(spec);
        spec.desired = 0;
    });
    let preview = world.preview_live(&world.job(&case), &json!({}));
    let (message, url) = refused(&world.run(preview));
    let [refusal] = &told::refusals(&world.page_at(&url).html)[..] else {
        panic!("{message}");
    };
    assert!(refusal.contains("desiredCountZero"), "{refusal}");
    assert!(message.contains(refusal.as_str()), "{message}");

    let allowed = |file: &mut Value| file["allow"] = json!(["desiredCountZero"]);
    let html = world.live_page(&world.job_with(&case, allowed, &[]), &json!({}));
    let exceptions = told::concerns(&html, "exceptions");
    assert!(
        exceptions[0].starts_with("allow: desiredCountZero"),
        "{exceptions:?}"
    );
    assert!(told::text(&html).contains("0 wanted, 0 run"), "{html}");
}
