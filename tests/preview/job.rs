//! Jobs that preview a rollout, and the pages that come of them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rehearsal::Account;
use rehearsal::codepipeline::{Finished, JobSpec};
use rehearsal::suite;
use serde_json::{Value, json};

use crate::fixture::World;

/// A preview's page, as the approver gets it.
pub(crate) struct Page {
    pub(crate) html: String,
}

impl World {
    /// A preview of what the updater's job would do: the same artifact, the same rollout file.
    pub(crate) fn preview_of(&self, job: &JobSpec, more: &Value) -> JobSpec {
        self.mirror_preview_role();
        let mut parameters = json!({
            "rollout": "Build::rollout.json",
            "execution": "#{codepipeline.PipelineExecutionId}",
            "role": suite::TEST_PREVIEW_ROLE,
            "externalId": suite::PREVIEW_EXTERNAL_ID,
        });
        for (key, value) in more.as_object().unwrap() {
            parameters[key] = value.clone();
        }
        JobSpec {
            function: suite::PREVIEW.to_owned(),
            user_parameters: Some(parameters.to_string()),
            ..job.clone()
        }
    }

    /// The page that a successful preview names.
    pub(crate) fn page(&self, variables: &BTreeMap<String, String>) -> Page {
        self.page_at(&variables["PageUrl"])
    }

    /// The page that an address in the console opens.
    pub(crate) fn page_at(&self, url: &str) -> Page {
        let (_, place) = url.split_once("/s3/object/").unwrap();
        let (bucket, rest) = place.split_once('?').unwrap();
        let (_, key) = rest.split_once("prefix=").unwrap();
        assert_eq!(bucket, self.suite.store.bucket);
        let html = self.rehearsal.tooling().get_object(bucket, key).unwrap();
        let headers = self.rehearsal.tooling().head_object(bucket, key).unwrap();
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        Page {
            html: String::from_utf8(html.to_vec()).unwrap(),
        }
    }

    /// The preview's role, as template.yaml makes it in production, in the account of the services:
    /// what is previewed there can be rolled out there.
    fn mirror_preview_role(&self) {
        static MADE: OnceLock<std::sync::Mutex<Vec<String>>> = OnceLock::new();
        let mut made = MADE.get_or_init(Default::default).lock().unwrap();
        let endpoint = self.suite.other.endpoint();
        if made.contains(&endpoint) {
            return;
        }
        let (from, to) = (&self.suite.production, &self.suite.other);
        let name = suite::PREVIEW_ROLE.rsplit('/').next().unwrap();
        let role = document(
            from,
            "GetRole",
            &[("RoleName", name)],
            "AssumeRolePolicyDocument",
        );
        let trust = ("AssumeRolePolicyDocument", role.as_str());
        to.query("iam", "CreateRole", &[("RoleName", name), trust])
            .unwrap();
        let policies = from
            .query("iam", "ListRolePolicies", &[("RoleName", name)])
            .unwrap();
        for policy in rehearsal::xml_texts(&policies, "member") {
            let of = [("RoleName", name), ("PolicyName", policy.as_str())];
            let text = document(from, "GetRolePolicy", &of, "PolicyDocument");
            let text = text.replace(from.id(), to.id());
            let may = ("PolicyDocument", text.as_str());
            to.query("iam", "PutRolePolicy", &[of[0], of[1], may])
                .unwrap();
        }
        made.push(endpoint);
    }
}

/// A policy in an answer of IAM, which encodes it.
fn document(account: &Account, action: &str, of: &[(&str, &str)], field: &str) -> String {
    let answer = account.query("iam", action, of).unwrap();
    let text = rehearsal::xml_text(&answer, field).unwrap();
    percent_encoding::percent_decode_str(&text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

/// Type and message of a refused preview, and the address of its page.
pub(crate) fn refused(finished: &Finished) -> (String, String) {
    let (kind, message) = crate::fixture::failed(finished);
    assert_eq!(kind, "ConfigurationError", "{message}");
    let url = message
        .lines()
        .find_map(|line| line.strip_prefix("The whole preview: "));
    let url = url
        .unwrap_or_else(|| panic!("no page: {message}"))
        .to_owned();
    (message, url)
}
