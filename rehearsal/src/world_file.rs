//! The world file: what there is before a pipeline runs. JSON, read whole, with everything that is
//! wrong at once. Its form: docs/rehearse.md.
//!
//! `build` makes it.

mod build;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub use build::{build, functions, production};

/// What a step can be.
const KINDS: &str = "stack, production, image, object";

/// What there is before, in the order in which it is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// Parameters of redbutton's own functions, should the pipeline invoke them.
    pub suite: BTreeMap<String, String>,
    /// What is made, one after the other.
    pub steps: Vec<Step>,
}

impl World {
    /// Whether redbutton's production side is in it.
    pub fn has_production(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step.what, Thing::Production { .. }))
    }
}

/// Something that is there before.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Twelve digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// What it is.
    pub what: Thing,
}

/// What a step makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Thing {
    /// A stack of a template, deployed for real.
    Stack {
        /// The stack's name.
        name: String,
        /// CloudFormation or SAM.
        template: PathBuf,
        /// By name.
        parameters: BTreeMap<String, String>,
    },
    /// The production side of redbutton's own template, with these parameters.
    Production {
        /// By name.
        parameters: BTreeMap<String, String>,
    },
    /// An image in ECR.
    Image {
        /// Made if need be.
        repository: String,
        /// Of the image.
        tag: String,
        /// An image of the Docker engine, or `examples/web`.
        from: Option<String>,
    },
    /// An object in a bucket, which is made with versions if need be: a file, or a folder as a zip.
    Object {
        /// Made with versions if need be.
        bucket: String,
        /// Of the object.
        key: String,
        /// What it holds.
        from: PathBuf,
    },
}

/// Reads a world file; each error names the place, what is there, and what would be right.
pub fn read(path: &Path) -> Result<World, Vec<String>> {
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| vec![format!("read {name}: {error}")])?;
    let value = serde_json::from_str(&text)
        .map_err(|error| vec![format!("{name} is not JSON: {error}")])?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&value, folder).map_err(|wrong| {
        let wrong = wrong.into_iter();
        wrong.map(|text| format!("{name}: {text}")).collect()
    })
}

fn parse(value: &Value, folder: &Path) -> Result<World, Vec<String>> {
    let mut door = Door {
        folder,
        wrong: Vec::new(),
    };
    let world = door.world(value);
    if door.wrong.is_empty() {
        Ok(world)
    } else {
        Err(door.wrong)
    }
}

/// Reads what is right and remembers what is wrong.
struct Door<'a> {
    folder: &'a Path,
    wrong: Vec<String>,
}

impl Door<'_> {
    fn world(&mut self, value: &Value) -> World {
        let Some(fields) = self.object("the file", value) else {
            return World::default();
        };
        self.known("the file", fields, &["suite", "steps"]);
        let mut suite = BTreeMap::new();
        if let Some(given) = fields
            .get("suite")
            .and_then(|suite| self.object("suite", suite))
        {
            self.known("suite", given, &["parameters"]);
            suite = self.parameters("suite", given);
        }
        let steps = match fields.get("steps") {
            Some(Value::Array(steps)) => steps.as_slice(),
            None => &[],
            Some(_) => {
                self.wrong.push("steps has to be an array".to_owned());
                &[]
            }
        };
        let steps = (0..)
            .zip(steps)
            .filter_map(|(n, step)| self.step(&format!("steps[{n}]"), step));
        World {
            suite,
            steps: steps.collect(),
        }
    }

    fn step(&mut self, at: &str, value: &Value) -> Option<Step> {
        let fields = self.object(at, value)?;
        let mut kinds = fields.iter();
        let (Some((kind, value)), None) = (kinds.next(), kinds.next()) else {
            self.wrong
                .push(format!("{at} needs exactly one key: {KINDS}"));
            return None;
        };
        let at = &format!("{at}.{kind}");
        let what = match kind.as_str() {
            "stack" => Self::stack,
            "production" => Self::production,
            "image" => Self::image,
            "object" => Self::content,
            _ => {
                self.wrong
                    .push(format!("{at} is unknown; there are: {KINDS}"));
                return None;
            }
        };
        let fields = self.object(at, value)?;
        let account = self.text(at, fields, "account");
        if account
            .as_deref()
            .is_some_and(|id| id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit()))
        {
            self.wrong.push(format!(
                "{at}.account has to be a text of twelve digits, such as \"333333333333\""
            ));
        }
        let region = self.text(at, fields, "region");
        let what = what(self, at, fields);
        Some(Step {
            account: account?,
            region: region?,
            what: what?,
        })
    }

    fn stack(&mut self, at: &str, fields: &Map<String, Value>) -> Option<Thing> {
        self.known(
            at,
            fields,
            &["account", "region", "name", "template", "parameters"],
        );
        let name = self.text(at, fields, "name");
        let template = self.path(at, fields, "template");
        let parameters = self.parameters(at, fields);
        Some(Thing::Stack {
            name: name?,
            template: template?,
            parameters,
        })
    }

    fn production(&mut self, at: &str, fields: &Map<String, Value>) -> Option<Thing> {
        self.known(at, fields, &["account", "region", "parameters"]);
        Some(Thing::Production {
            parameters: self.parameters(at, fields),
        })
    }

    fn image(&mut self, at: &str, fields: &Map<String, Value>) -> Option<Thing> {
        self.known(
            at,
            fields,
            &["account", "region", "repository", "tag", "from"],
        );
        let repository = self.text(at, fields, "repository");
        let tag = self.text(at, fields, "tag");
        let from = fields
            .get("from")
            .and_then(|_| self.text(at, fields, "from"));
        Some(Thing::Image {
            repository: repository?,
            tag: tag?,
            from,
        })
    }

    fn content(&mut self, at: &str, fields: &Map<String, Value>) -> Option<Thing> {
        self.known(at, fields, &["account", "region", "bucket", "key", "from"]);
        let bucket = self.text(at, fields, "bucket");
        let key = self.text(at, fields, "key");
        let from = self.path(at, fields, "from");
        Some(Thing::Object {
            bucket: bucket?,
            key: key?,
            from: from?,
        })
    }

    fn object<'v>(&mut self, at: &str, value: &'v Value) -> Option<&'v Map<String, Value>> {
        let fields = value.as_object();
        if fields.is_none() {
            self.wrong.push(format!("{at} has to be an object, {{…}}"));
        }
        fields
    }

    fn known(&mut self, at: &str, fields: &Map<String, Value>, known: &[&str]) {
        let unknown = fields.keys().filter(|key| !known.contains(&key.as_str()));
        self.wrong.extend(unknown.map(|key| {
            format!(
                "{at} has the unknown key {key:?}; there are: {}",
                known.join(", ")
            )
        }));
    }

    fn text(&mut self, at: &str, fields: &Map<String, Value>, key: &str) -> Option<String> {
        match fields.get(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            None => {
                self.wrong.push(format!("{at} lacks {key:?}"));
                None
            }
            Some(other) => {
                self.wrong
                    .push(format!("{at}.{key} has to be a text, not {other}"));
                None
            }
        }
    }

    /// A file or a folder, as seen from the world file.
    fn path(&mut self, at: &str, fields: &Map<String, Value>, key: &str) -> Option<PathBuf> {
        let path = self.folder.join(self.text(at, fields, key)?);
        if path.exists() {
            return Some(path);
        }
        self.wrong
            .push(format!("{at}.{key}: there is no {}", path.display()));
        None
    }

    /// Texts by name; numbers and booleans are texts to CloudFormation.
    fn parameters(&mut self, at: &str, fields: &Map<String, Value>) -> BTreeMap<String, String> {
        let at = format!("{at}.parameters");
        let given = fields
            .get("parameters")
            .and_then(|given| self.object(&at, given));
        let mut parameters = BTreeMap::new();
        for (name, value) in given.into_iter().flatten() {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                other => {
                    self.wrong
                        .push(format!("{at}.{name} has to be a text, not {other}"));
                    continue;
                }
            };
            parameters.insert(name.clone(), text);
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_are_read_in_their_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let world = parse(
            &json!({
                "suite": { "parameters": { "TargetRoleArns": "arn", "LookEverySeconds": 1 } },
                "steps": [
                    { "stack": { "name": "a", "template": "Cargo.toml", "account": "333333333333",
                        "region": "eu-west-1", "parameters": { "On": true } } },
                    { "production": { "account": "222222222222", "region": "eu-west-1",
                        "parameters": { "PreviewExternalId": "x-1" } } },
                    { "image": { "repository": "web", "tag": "v1", "account": "333333333333",
                        "region": "eu-west-1" } },
                    { "object": { "bucket": "b", "key": "k", "from": "src", "account": "333333333333",
                        "region": "eu-west-1" } },
                ],
            }),
            folder,
        )
        .unwrap();
        assert_eq!(world.suite["LookEverySeconds"], "1");
        let kinds = world.steps.iter().map(|step| match &step.what {
            Thing::Stack { parameters, .. } => parameters["On"].clone(),
            Thing::Production { parameters } => parameters["PreviewExternalId"].clone(),
            Thing::Image { tag, .. } => tag.clone(),
            Thing::Object { from, .. } => from.display().to_string(),
        });
        let source = folder.join("src").display().to_string();
        assert_eq!(kinds.collect::<Vec<_>>(), ["true", "x-1", "v1", &source]);
    }

    #[test]
    fn all_that_is_wrong_comes_at_once() {
        let wrong = parse(
            &json!({
                "stack": [],
                "suite": { "parameters": { "A": [] } },
                "steps": [
                    { "stack": { "name": 1, "template": "none.yaml", "account": "1", "region": "r" } },
                    { "image": { "account": "333333333333", "region": "r", "repo": "x", "tag": "v1" } },
                    { "queue": {} },
                    {},
                    "x",
                ],
            }),
            Path::new("w"),
        )
        .unwrap_err();
        let expected = [
            r#"the file has the unknown key "stack"; there are: suite, steps"#,
            "suite.parameters.A has to be a text, not []",
            r#"steps[0].stack.account has to be a text of twelve digits, such as "333333333333""#,
            "steps[0].stack.name has to be a text, not 1",
            "steps[0].stack.template: there is no w/none.yaml",
            r#"steps[1].image has the unknown key "repo"; there are: account, region, repository, tag, from"#,
            r#"steps[1].image lacks "repository""#,
            "steps[2].queue is unknown; there are: stack, production, image, object",
            "steps[3] needs exactly one key: stack, production, image, object",
            "steps[4] has to be an object, {…}",
        ];
        assert_eq!(wrong, expected);
    }
}
