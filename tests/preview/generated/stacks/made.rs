//! Rollouts of stacks, made: the stacks, and the files of their releases.

use rehearsal::codepipeline::JobSpec;
use rehearsal::suite;
use rehearsal::world::{
    StackSpec, create_cluster, create_stack, manifest, put_image, repository_uri,
};
use serde_json::{Value, json};

use super::known::{Known, known};
use super::release::Release;
use crate::fixture::World;

/// A target of a rollout.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) written: Value,
    pub(super) before: Known,
    /// Images by their digests, and their tags.
    pub(super) images: Vec<(String, &'static str)>,
    pub(super) is_new: bool,
    pub(super) gives_token: bool,
}

/// A rollout that is made.
#[derive(Default)]
pub(super) struct Made {
    pub(super) targets: Vec<Target>,
    images: Vec<Value>,
    files: Vec<(String, String)>,
}

impl Made {
    /// Makes a stack, unless it is the release that does, and the files of its release.
    pub(super) fn add(&mut self, world: &World, name: &str, release: &Release) {
        let account = &world.suite.other;
        let repository = repository_uri(account, name);
        let images = ["v1", "v2"].map(|tag| {
            let digest = put_image(account, name, tag, &manifest(&format!("{name} {tag}")));
            (format!("{repository}@{}", digest.unwrap()), tag)
        });
        create_cluster(account, "test").unwrap();
        if !release.new {
            let mut spec = StackSpec::new(name, &release.before.template(name))
                .with("Name", name)
                .with("Image", &images[0].0);
            spec.tags = pairs(&release.tags_before);
            create_stack(account, &spec).unwrap();
        }
        let (_, version) = images[usize::from(release.image)];
        self.images
            .push(json!({"name": name, "imageUri": format!("{repository}:{version}")}));
        let written = self.written(name, release);
        self.targets.push(Target {
            name: name.to_owned(),
            written,
            before: known(world, name),
            images: images.to_vec(),
            is_new: release.new,
            gives_token: release.token,
        });
    }

    /// The target as the rollout file has it.
    fn written(&mut self, name: &str, release: &Release) -> Value {
        let mut written = json!({
            "stack": name, "imageParameters": {name: "Image"}, "create": release.new,
            "allowReplacement": ["Logs", "Note"],
        });
        if let Some(template) = release.template() {
            let file = format!("{name}.json");
            written["template"] = json!(format!("Build::{file}"));
            self.files.push((file, template.template(name)));
        }
        let parameters = release.parameters(name);
        let tags = release.tags.as_ref().map(|tags| {
            let each = pairs(tags).into_iter();
            each.map(|(key, value)| (key, json!(value)))
                .collect::<Value>()
        });
        if release.file {
            let mut configuration = json!({"Parameters": parameters});
            if let Some(tags) = tags {
                configuration["Tags"] = tags;
            }
            let file = format!("{name}.configuration.json");
            written["parameters"] = json!(format!("Build::{file}"));
            self.files.push((file, configuration.to_string()));
            return written;
        }
        written["parameters"] = parameters;
        if let Some(tags) = tags {
            written["tags"] = tags;
        }
        written
    }

    /// The job that rolls it out.
    pub(super) fn job(&self, world: &World) -> JobSpec {
        let targets: Vec<&Value> = self.targets.iter().map(|target| &target.written).collect();
        let rollout = json!({
            "targets": targets, "region": suite::TARGET_REGION, "role": suite::TARGET_ROLE,
            "externalId": suite::EXTERNAL_ID, "allow": ["callersRights"], "onFailure": "stop",
        });
        let (rollout, images) = (rollout.to_string(), json!(self.images).to_string());
        let mut files: Vec<(&str, &[u8])> = vec![
            ("rollout.json", rollout.as_bytes()),
            ("imagedefinitions.json", images.as_bytes()),
        ];
        files.extend(
            self.files
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_bytes())),
        );
        world.job_from(world.suite.store.put_artifact("Build", &files).unwrap())
    }
}

fn pairs(tags: &[&str]) -> Vec<(String, String)> {
    let each = tags.iter().map(|tag| tag.split_once('=').unwrap());
    each.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
