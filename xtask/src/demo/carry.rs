//! A release on its way to the production account: the pipeline of `examples/pipeline`, run as
//! `redbutton rehearse` runs it, from its source to the bucket of another account.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rehearsal::pipeline::{
    Approval, Audience, Choice, Decision, Event, Execution, Inputs, Pipeline, PipelineTemplate,
    Status, What,
};
use rehearsal::suite::{
    EXTERNAL_ID, RELEASES_BUCKET, SIGNING_KEY_ALIAS, TARGET_REGION, TARGET_ROLE,
};
use rehearsal::world;
use rehearsal::{AwsError, Progress, workspace};
use serde_json::{Value, json};
use shared::release::envelope::PublicKey;
use shared::release::verify;

use super::stage::{CLUSTER, Place, WEB};
use super::story::Teller;
use crate::interrupt;

/// Longer than the whole pipeline takes.
const PATIENCE: Duration = Duration::from_secs(300);
/// How soon Ctrl-C is heard.
const BREATH: Duration = Duration::from_millis(250);

/// Who approves in the story, and notes what there was to read.
#[derive(Default)]
struct Ada {
    told: Mutex<Vec<String>>,
}

impl Audience for Ada {
    fn hear(&self, event: &Event) {
        let (Some(stage), Some(action)) = (&event.stage, &event.action) else {
            return;
        };
        if let What::ActionEnded {
            status,
            summary,
            error,
            ..
        } = &event.what
        {
            let said = match error {
                Some(error) => error.message.as_str(),
                None => summary
                    .as_deref()
                    .and_then(|text| text.lines().next())
                    .unwrap_or_default(),
            };
            // Where this machine keeps the source is of no interest.
            let said = if stage == "Source" { "" } else { said };
            self.note(
                format!("{stage}/{action}: {status} {said}")
                    .trim_end()
                    .to_owned(),
            );
        }
    }

    fn decide(&self, approval: &Approval) -> Decision {
        if let Some(read) = &approval.custom_data {
            let (stage, action) = (&approval.stage, &approval.action);
            self.note(format!("{stage}/{action}: ada reads “{}”", read.trim()));
        }
        Decision {
            approved: true,
            by: "ada".to_owned(),
            summary: "as agreed".to_owned(),
        }
    }
}

impl Ada {
    fn note(&self, text: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(text);
    }
}

impl Teller<'_> {
    /// Runs the pipeline to its end, and finds the release in the production account: whole, signed,
    /// and about the image that was tested.
    pub(super) fn carried(&self, test: &Place, production: &Place, tag: &str) -> Result<()> {
        let source = self.stage.rehearsal.dir().join("source");
        write_source(&source, test, production, tag)?;
        let ada = Arc::new(Ada::default());
        let execution = self.screen.waiting("the pipeline runs", || {
            self.run_pipeline(&source, Arc::clone(&ada))
        });
        for line in ada
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            self.screen.quote(line);
        }
        let execution = execution?;
        ensure!(
            execution.status == Status::Succeeded,
            "the execution is {}",
            execution.status
        );
        let released = execution.action("Production", "Release");
        let released = released.context("the pipeline has no action Production/Release")?;
        let variable = |name: &str| {
            let value = released.variables.get(name).map(String::as_str);
            value.with_context(|| format!("the action has no variable {name}"))
        };
        self.screen.fact("production", variable("Summary")?);
        self.screen.fact("release", variable("ReleaseUri")?);
        self.screen.fact("digest", variable("ReleaseDigest")?);
        self.whole(variable("ReleaseUri")?, test.digest(tag)?)
    }

    /// The envelope verifies by the public key, and everything that it names is there.
    fn whole(&self, uri: &str, digest: &str) -> Result<()> {
        let production = &self.stage.production.account;
        let key = uri.strip_prefix(&format!("s3://{RELEASES_BUCKET}/"));
        let key = key.context("the release lies in another bucket")?;
        let envelope = production.get_object(RELEASES_BUCKET, key)?;
        let asked = json!({ "KeyId": SIGNING_KEY_ALIAS });
        let tooling = self.stage.rehearsal.tooling();
        let public = tooling.json("kms", "TrentService.GetPublicKey", asked)?;
        let public = public.pointer("/PublicKey").and_then(Value::as_str);
        let keys = PublicKey::read(public.unwrap_or_default()).map_err(anyhow::Error::msg)?;
        let verified = verify::open(&envelope, &keys).map_err(anyhow::Error::msg)?;
        let said = &verified.statement.predicate;
        for artifact in &said.artifacts {
            let bytes = production.get_object(RELEASES_BUCKET, &artifact.key)?;
            ensure!(
                bytes.len() as u64 == artifact.size,
                "{} has {} bytes",
                artifact.key,
                bytes.len()
            );
        }
        let image = said.images.first().context("it names no image")?;
        ensure!(
            image.digest == digest,
            "it is for {}, not {digest}",
            image.digest
        );
        let by = said.approvals.first().map(|approval| approval.by.as_str());
        let by = by.context("it names no approval")?;
        self.screen.fact(
            "verified",
            &format!(
                "signed by key {}…",
                verified.key.get(..12).unwrap_or_default()
            ),
        );
        self.screen
            .fact("image", &format!("{} = {}", image.image, image.digest));
        self.screen.fact("approved", by);
        Ok(())
    }

    /// Whatever an administrator tries, the release stays as it is.
    pub(super) fn stays(&self) -> Result<()> {
        let production = world::administrator(&self.stage.production.account, "administrator")?;
        let keys = production.list_objects(RELEASES_BUCKET, "releases/")?;
        ensure!(keys.len() >= 2, "there is no release");
        let mut refused = 0;
        for key in &keys {
            let path = format!("/{RELEASES_BUCKET}/{key}");
            for (what, method, body) in [
                ("delete", http::Method::DELETE, &b""[..]),
                ("overwrite", http::Method::PUT, b"other bytes"),
            ] {
                let tried = production.request("s3", method, &path, &[], body.to_vec().into());
                match tried.map_err(|error| error.downcast::<AwsError>()) {
                    Ok(_) => bail!("an administrator could {what} {key}"),
                    Err(Ok(error)) if error.code == "AccessDenied" => refused += 1,
                    Err(Ok(error)) => bail!("{what} {key}: {}", error.code),
                    Err(Err(error)) => return Err(error),
                }
            }
        }
        let text = format!("{refused} attempts to delete or to overwrite, all of them denied");
        self.screen.fact("tried", &text);
        Ok(())
    }

    fn run_pipeline(&self, source: &Path, ada: Arc<Ada>) -> Result<Execution> {
        let template = workspace::root().join("examples/pipeline/pipeline.yaml");
        let template = PipelineTemplate::read(&template)?;
        let quiet: Progress = Arc::new(|_| {});
        let rehearsal = &self.stage.rehearsal;
        let choice = Choice {
            stack: "orders-pipeline",
            pipeline: &template.pipeline(None)?,
            parameters: &BTreeMap::new(),
            leave_out: &[],
        };
        let deployed = template.deploy(rehearsal, &choice, &quiet)?;
        let inputs = Inputs {
            sources: BTreeMap::from([("Source".to_owned(), source.to_owned())]),
            builds: deployed.builds,
            ..Inputs::default()
        };
        let pipeline = Pipeline::new(rehearsal, deployed.definition, inputs, ada)?;
        let id = pipeline.start(&BTreeMap::new())?;
        let began = Instant::now();
        loop {
            match pipeline.wait(&id, BREATH) {
                Err(_) if began.elapsed() < PATIENCE => interrupt::check()?,
                ended => return ended,
            }
        }
    }
}

/// What the pipeline's source is: a build that names the image, and the rollout files of both accounts.
fn write_source(folder: &Path, test: &Place, production: &Place, tag: &str) -> Result<()> {
    let image = test.image(tag);
    let images = json!([{ "name": WEB, "imageUri": image }]).to_string();
    let buildspec = json!({
        "version": 0.2,
        "env": { "exported-variables": ["IMAGE_TAG"] },
        "phases": { "build": { "commands": [
            format!("export IMAGE_TAG={tag}"),
            format!("printf '%s' '{images}' > imagedefinitions.json"),
        ] } },
        "artifacts": { "files": ["imagedefinitions.json", "test.json", "production.json"] },
    });
    let target = json!([{ "service": WEB, "cluster": CLUSTER }]);
    let to_test = json!({
        "targets": target, "region": TARGET_REGION, "role": TARGET_ROLE, "externalId": EXTERNAL_ID,
    });
    let repository = |place: &Place| world::repository_uri(&place.account, WEB);
    let to_production = json!({
        "targets": target, "region": TARGET_REGION,
        "repositories": { (repository(test)): repository(production) },
    });
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    for (name, content) in [
        ("buildspec.yml", buildspec),
        ("test.json", to_test),
        ("production.json", to_production),
    ] {
        let path = folder.join(name);
        fs::write(&path, content.to_string())
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
