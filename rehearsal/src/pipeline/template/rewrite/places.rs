//! Names in the places of values that are not there, and whole paths in the places of short ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

/// Properties that name files beside the template, wherever they are.
const FILES: [&str; 8] = [
    "CodeUri",
    "Code",
    "ContentUri",
    "Content",
    "DefinitionUri",
    "DefinitionS3Location",
    "Location",
    "TemplateURL",
];

/// What makes a text of what stands under it.
const AS_TEXT: &str = "Fn::ToJsonString";

/// What stands in the places of values that are not there.
pub(super) struct Places<'a> {
    /// Logical ids and types of what is not deployed.
    pub(super) gone: &'a BTreeMap<String, String>,
    /// Logical ids of pipelines, which have a name, and nothing else.
    pub(super) pipelines: &'a BTreeSet<String>,
    /// Where the template lies.
    pub(super) folder: &'a Path,
}

impl Places<'_> {
    pub(super) fn fill(&self, value: &mut Value) {
        self.fill_in(value, true);
    }

    /// `deployed` is false in a text that is read back, such as a pipeline's: what it calls `Location`
    /// is a bucket, and no file.
    fn fill_in(&self, value: &mut Value, deployed: bool) {
        match value {
            Value::Array(values) => {
                for value in values {
                    self.fill_in(value, deployed);
                }
            }
            Value::Object(fields) => {
                if let Some(text) = self.reference(fields) {
                    *value = text;
                    return;
                }
                self.fields(fields);
                if deployed {
                    self.files(fields);
                }
                for (name, value) in fields {
                    self.fill_in(value, deployed && name != AS_TEXT);
                }
            }
            _ => {}
        }
    }

    /// `Ref` and `Fn::GetAtt` of what is not there.
    fn reference(&self, fields: &Map<String, Value>) -> Option<Value> {
        if fields.len() != 1 {
            return None;
        }
        let (function, argument) = fields.iter().next()?;
        let (logical, attribute) = match (function.as_str(), argument) {
            ("Ref", Value::String(logical)) => (logical.as_str(), None),
            ("Fn::GetAtt", Value::String(both)) => {
                let (logical, attribute) = both.split_once('.')?;
                (logical, Some(attribute))
            }
            ("Fn::GetAtt", Value::Array(parts)) => {
                (parts.first()?.as_str()?, parts.get(1)?.as_str())
            }
            _ => return None,
        };
        let text = self.placeholder(logical, attribute)?;
        // A region and an account may be in it.
        Some(json!({ "Fn::Sub": text }))
    }

    fn fields(&self, fields: &mut Map<String, Value>) {
        match fields.get_mut("Fn::Sub") {
            Some(Value::String(text)) => *text = self.substituted(text, &[]),
            Some(Value::Array(parts)) => {
                let own = parts.get(1).and_then(Value::as_object);
                let own: Vec<String> = own.into_iter().flat_map(Map::keys).cloned().collect();
                if let Some(Value::String(text)) = parts.first_mut() {
                    *text = self.substituted(text, &own);
                }
            }
            _ => {}
        }
        self.without_dependencies(fields);
    }

    fn files(&self, fields: &mut Map<String, Value>) {
        for name in FILES {
            if let Some(Value::String(path)) = fields.get_mut(name) {
                let beside = self.folder.join(&*path);
                if !path.is_empty() && beside.exists() {
                    *path = beside.to_string_lossy().into_owned();
                }
            }
        }
    }

    /// Nothing waits for what is not made.
    fn without_dependencies(&self, fields: &mut Map<String, Value>) {
        let gone = |name: &Value| {
            name.as_str()
                .is_some_and(|name| self.gone.contains_key(name))
        };
        let drop = match fields.get_mut("DependsOn") {
            Some(Value::Array(names)) => {
                names.retain(|name| !gone(name));
                names.is_empty()
            }
            Some(name) => gone(name),
            None => false,
        };
        if drop {
            fields.remove("DependsOn");
        }
    }

    /// `${Gone.Arn}` in a text of `Fn::Sub`, except for the names that the function brings itself.
    fn substituted(&self, text: &str, own: &[String]) -> String {
        let mut written = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            written.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                written.push_str("${");
                rest = after;
                continue;
            };
            let (logical, attribute) = match name.trim().split_once('.') {
                Some((logical, attribute)) => (logical, Some(attribute)),
                None => (name.trim(), None),
            };
            let ours = !own.iter().any(|own| own == name.trim());
            match ours.then(|| self.placeholder(logical, attribute)).flatten() {
                Some(text) => written.push_str(&text),
                None => written.push_str(&format!("${{{name}}}")),
            }
            rest = behind;
        }
        written.push_str(rest);
        written
    }

    /// A text for `Fn::Sub`.
    fn placeholder(&self, logical: &str, attribute: Option<&str>) -> Option<String> {
        if self.pipelines.contains(logical) {
            // Its name is the parameter's; the only attribute is the version.
            return attribute.map(|_| "1".to_owned());
        }
        let kind = self.gone.get(logical)?;
        let service = kind.split("::").nth(1).unwrap_or_default().to_lowercase();
        // What is not deployed but named, such as a connection, is mostly named by its ARN.
        let by_arn = attribute.is_some_and(|name| name.ends_with("Arn"))
            || (attribute.is_none() && kind.ends_with("::Connection"));
        Some(match attribute {
            _ if by_arn => format!(
                "arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:not-deployed/{logical}"
            ),
            Some(attribute) => format!("not-deployed-{logical}-{attribute}"),
            None => format!("not-deployed-{logical}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_the_template_are_named_in_full() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("code")).unwrap();
        let mut properties = json!({ "CodeUri": "code", "Code": "elsewhere" });
        let places = Places {
            gone: &BTreeMap::new(),
            pipelines: &BTreeSet::new(),
            folder: folder.path(),
        };
        places.fill(&mut properties);
        let code = folder.path().join("code");
        assert_eq!(properties["CodeUri"], code.to_str().unwrap());
        assert_eq!(properties["Code"], "elsewhere");
        let mut pipeline = json!({ "Value": { AS_TEXT: { "Store": { "Location": "code" } } } });
        let unchanged = pipeline.clone();
        places.fill(&mut pipeline);
        assert_eq!(pipeline, unchanged, "its store is a bucket");
    }

    #[test]
    fn a_text_is_substituted_only_where_it_names_what_is_gone() {
        let gone = BTreeMap::from([("Hook".to_owned(), "AWS::X::Hook".to_owned())]);
        let places = Places {
            gone: &gone,
            pipelines: &BTreeSet::from(["Orders".to_owned()]),
            folder: Path::new("/"),
        };
        for (text, expected) in [
            ("${Hook}", "not-deployed-Hook"),
            ("${ Hook.Url }", "not-deployed-Hook-Url"),
            ("${Orders} ${Orders.Version}", "${Orders} 1"),
            ("${!Hook} ${AWS::Region} ${", "${!Hook} ${AWS::Region} ${"),
        ] {
            assert_eq!(places.substituted(text, &[]), expected);
        }
        assert_eq!(
            places.substituted("${Hook}", &["Hook".to_owned()]),
            "${Hook}"
        );
    }
}
