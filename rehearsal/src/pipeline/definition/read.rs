//! Reads a definition, in whichever of its two spellings.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Action, Definition, Mode, Stage, Store, Variable};

/// What stands under it is the author's own and keeps its spelling.
const VERBATIM: &str = "configuration";

/// The definition, or all that keeps it from being read.
pub(super) fn definition(properties: &Value, region: &str) -> Result<Definition, Vec<String>> {
    let mut reader = Reader {
        region,
        wrong: Vec::new(),
    };
    let spelled = api_spelling(properties);
    // `GetPipeline` answers it one level down.
    let spelled = spelled.get("pipeline").unwrap_or(&spelled);
    let definition = reader.definition(spelled);
    if reader.wrong.is_empty() {
        Ok(definition)
    } else {
        Err(reader.wrong)
    }
}

/// `RoleArn` becomes `roleArn`, all the way down.
fn api_spelling(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let spelled = fields.iter().map(|(name, field)| {
                let name = first_letter(name, char::to_ascii_lowercase);
                let field = if name == VERBATIM {
                    texts(field)
                } else {
                    api_spelling(field)
                };
                (name, field)
            });
            Value::Object(spelled.collect())
        }
        Value::Array(entries) => entries.iter().map(api_spelling).collect(),
        other => other.clone(),
    }
}

/// The values of a configuration, which CloudFormation makes texts of.
fn texts(configuration: &Value) -> Value {
    let Value::Object(fields) = configuration else {
        return configuration.clone();
    };
    let texts = fields.iter().map(|(name, value)| {
        let value = text(Some(value)).map_or_else(|| value.clone(), Value::from);
        (name.clone(), value)
    });
    Value::Object(texts.collect())
}

struct Reader<'a> {
    /// The pipeline's.
    region: &'a str,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn definition(&mut self, given: &Value) -> Definition {
        let fields = self.object(given, "the definition");
        let mode = match fields.get("executionMode").and_then(Value::as_str) {
            None | Some("SUPERSEDED") => Mode::Superseded,
            Some("QUEUED") => Mode::Queued,
            Some("PARALLEL") => Mode::Parallel,
            Some(other) => {
                self.note(format!(
                    "ExecutionMode is {other:?}: write SUPERSEDED, QUEUED or PARALLEL"
                ));
                Mode::Superseded
            }
        };
        let variables = self.each(&fields, "variables", "", |reader, variable, at| Variable {
            name: reader.required(variable, "name", at),
            default: text(variable.get("defaultValue")),
        });
        Definition {
            name: self.required(&fields, "name", "the pipeline"),
            role: text(fields.get("roleArn")),
            mode,
            variables,
            stores: self.stores(&fields),
            stages: self.each(&fields, "stages", "", Self::stage),
            unheeded: unheeded(&fields),
            declaration: declaration(&fields),
        }
    }

    fn stores(&mut self, fields: &Map<String, Value>) -> BTreeMap<String, Store> {
        let mut stores = BTreeMap::new();
        if let Some(store) = fields.get("artifactStore") {
            let store = self.store(store, "ArtifactStore");
            stores.insert(self.region.to_owned(), store);
        }
        match fields.get("artifactStores") {
            // The API has a map, CloudFormation a list.
            Some(Value::Object(by_region)) => {
                for (region, store) in by_region {
                    let store = self.store(store, &format!("ArtifactStores {region}"));
                    // Keys of a map are spelled as they are, but for the first letter.
                    stores.insert(region.clone(), store);
                }
            }
            Some(Value::Array(entries)) => {
                for (index, entry) in entries.iter().enumerate() {
                    let at = format!("ArtifactStores[{index}]");
                    let entry = self.object(entry, &at);
                    let region = self.required(&entry, "region", &at);
                    let store = entry.get("artifactStore").unwrap_or(&Value::Null);
                    let store = self.store(store, &at);
                    stores.insert(region, store);
                }
            }
            _ => {}
        }
        stores
    }

    fn store(&mut self, store: &Value, at: &str) -> Store {
        let store = self.object(store, at);
        let key = store.get("encryptionKey");
        Store {
            bucket: self.required(&store, "location", at),
            key: key.and_then(|key| text(key.get("id"))),
        }
    }

    fn stage(&mut self, stage: &Map<String, Value>, at: &str) -> Stage {
        let name = self.required(stage, "name", at);
        let at = if name.is_empty() {
            at
        } else {
            &format!("stage {name}")
        };
        Stage {
            actions: self.each(stage, "actions", at, Self::action),
            name,
        }
    }

    fn action(&mut self, action: &Map<String, Value>, at: &str) -> Action {
        let name = self.required(action, "name", at);
        let at = &if name.is_empty() {
            at.to_owned()
        } else {
            format!("{at} ({name})")
        };
        let kind_at = format!("{at}: ActionTypeId");
        let kind = action.get("actionTypeId").unwrap_or(&Value::Null);
        let kind = self.object(kind, &kind_at);
        Action {
            category: self.required(&kind, "category", &kind_at),
            owner: self.required(&kind, "owner", &kind_at),
            provider: self.required(&kind, "provider", &kind_at),
            version: self.required(&kind, "version", &kind_at),
            run_order: self.number(action, "runOrder", at).unwrap_or(1),
            configuration: self.configuration(action, at),
            inputs: self.names(action, "inputArtifacts", at),
            outputs: self.names(action, "outputArtifacts", at),
            namespace: text(action.get("namespace")),
            region: text(action.get("region")),
            role: text(action.get("roleArn")),
            timeout_minutes: self.number(action, "timeoutInMinutes", at),
            name,
        }
    }

    fn configuration(&mut self, action: &Map<String, Value>, at: &str) -> BTreeMap<String, String> {
        let Some(given) = action.get("configuration") else {
            return BTreeMap::new();
        };
        let given = self.object(given, &format!("{at}: Configuration"));
        let mut values = BTreeMap::new();
        for (key, value) in given {
            match text(Some(&value)) {
                Some(value) => {
                    values.insert(key, value);
                }
                None => self.note(format!(
                    "{at}: Configuration.{key} is {value}: CodePipeline takes texts only"
                )),
            }
        }
        values
    }

    fn names(&mut self, action: &Map<String, Value>, list: &str, at: &str) -> Vec<String> {
        let name = |reader: &mut Self, artifact: &Map<String, Value>, at: &str| {
            reader.required(artifact, "name", at)
        };
        self.each(action, list, at, name)
    }

    /// Reads each entry of a list, which may be missing.
    fn each<T>(
        &mut self,
        fields: &Map<String, Value>,
        name: &str,
        of: &str,
        mut read: impl FnMut(&mut Self, &Map<String, Value>, &str) -> T,
    ) -> Vec<T> {
        let shown = capital(name);
        let at = if of.is_empty() {
            shown
        } else {
            format!("{of}: {shown}")
        };
        match fields.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(entries)) => {
                let entries = entries.iter().enumerate();
                entries
                    .map(|(index, entry)| {
                        let at = format!("{at}[{index}]");
                        let entry = self.object(entry, &at);
                        read(self, &entry, &at)
                    })
                    .collect()
            }
            Some(other) => {
                self.note(format!("{at} is {other}, not a list"));
                Vec::new()
            }
        }
    }

    fn object(&mut self, value: &Value, at: &str) -> Map<String, Value> {
        match value {
            Value::Object(fields) => return fields.clone(),
            Value::Null => self.note(format!("{at} is missing")),
            other => self.note(format!("{at} is {other}, not an object")),
        }
        Map::new()
    }

    fn required(&mut self, fields: &Map<String, Value>, name: &str, at: &str) -> String {
        let given = text(fields.get(name)).filter(|text| !text.is_empty());
        // Of what could not be read at all, that was said.
        if given.is_none() && !fields.is_empty() {
            self.note(format!("{at} has no {}", capital(name)));
        }
        given.unwrap_or_default()
    }

    fn number(&mut self, fields: &Map<String, Value>, name: &str, at: &str) -> Option<u32> {
        let given = text(fields.get(name))?;
        let number = given.parse().ok();
        if number.is_none() {
            let name = capital(name);
            self.note(format!("{at}: {name} is {given:?}, not a whole number"));
        }
        number
    }

    fn note(&mut self, wrong: String) {
        self.wrong.push(wrong);
    }
}

/// CloudFormation makes texts of numbers and truth values.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn capital(name: &str) -> String {
    first_letter(name, char::to_ascii_uppercase)
}

fn first_letter(name: &str, change: impl Fn(&char) -> char) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| change(&letter));
    first.into_iter().chain(letters).collect()
}

/// The definition as `GetPipeline` answers it: numbers are numbers, stores a map, nothing that only
/// CloudFormation knows.
fn declaration(fields: &Map<String, Value>) -> Value {
    let mut declaration = fields.clone();
    for name in [
        "tags",
        "restartExecutionOnUpdate",
        "disableInboundStageTransitions",
    ] {
        declaration.remove(name);
    }
    if let Some(Value::Array(entries)) = fields.get("artifactStores") {
        let by_region = entries.iter().filter_map(|entry| {
            Some((
                entry["region"].as_str()?.to_owned(),
                entry["artifactStore"].clone(),
            ))
        });
        declaration.insert(
            "artifactStores".to_owned(),
            Value::Object(by_region.collect()),
        );
    }
    let mut declaration = Value::Object(declaration);
    declaration["version"] = json!(1);
    let stages = declaration["stages"].as_array_mut();
    for stage in stages.into_iter().flatten() {
        for action in stage["actions"].as_array_mut().into_iter().flatten() {
            let version = text(action["actionTypeId"].get("version"));
            if let Some(version) = version {
                action["actionTypeId"]["version"] = version.into();
            }
            for name in ["runOrder", "timeoutInMinutes"] {
                let number = text(action.get(name)).and_then(|text| text.parse::<u32>().ok());
                if let Some(number) = number {
                    action[name] = number.into();
                }
            }
        }
    }
    declaration
}

/// What only CodePipeline itself would do.
fn unheeded(fields: &Map<String, Value>) -> Vec<String> {
    let says = |fields: &Map<String, Value>, name: &str| {
        let said = fields.get(name);
        said.is_some_and(|said| !said.is_null() && *said != json!([]))
    };
    let mut unheeded = Vec::new();
    if says(fields, "triggers") {
        unheeded.push("Triggers: an execution starts when it is told to".to_owned());
    }
    if says(fields, "disableInboundStageTransitions") {
        unheeded.push("DisableInboundStageTransitions: every stage is open".to_owned());
    }
    let stages = fields.get("stages").and_then(Value::as_array);
    let stages = stages.into_iter().flatten().filter_map(Value::as_object);
    for stage in stages {
        for rule in ["beforeEntry", "onSuccess", "onFailure", "blockers"] {
            if says(stage, rule) {
                let name = text(stage.get("name")).unwrap_or_default();
                unheeded.push(format!(
                    "{} of stage {name}: no condition, rollback or automatic retry is rehearsed",
                    capital(rule)
                ));
            }
        }
        unheeded.extend(batches(stage));
    }
    unheeded
}

/// Builds of a stage that would be many builds on AWS.
fn batches(stage: &Map<String, Value>) -> Vec<String> {
    let name = |fields: &Value| text(fields.get("name")).unwrap_or_default();
    let stage_name = text(stage.get("name")).unwrap_or_default();
    let actions = stage.get("actions").and_then(Value::as_array);
    let actions = actions.into_iter().flatten().filter(|action| {
        let enabled = &action["configuration"]["BatchEnabled"];
        text(Some(enabled)).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    });
    actions
        .map(|action| {
            format!(
                "BatchEnabled of {stage_name}/{}: it is one build here, with the phases of its buildspec",
                name(action)
            )
        })
        .collect()
}
