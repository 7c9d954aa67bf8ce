//! The door for what people write: reads a JSON object key by key and collects everything that is
//! wrong, with the path of the key and what is allowed there.

use serde_json::{Map, Value};

/// All that is wrong so far, each with its path.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Wrongs(Vec<String>);

impl Wrongs {
    /// Notes what is wrong at `path`.
    pub fn add(&mut self, path: &str, problem: impl AsRef<str>) {
        self.0.push(format!("{path}: {}", problem.as_ref()));
    }

    /// The value, when nothing was wrong; else everything that was.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Vec<String>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}

/// What a text has to be: a name for people, and the test.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Completes "must be …".
    pub allowed: &'static str,
    /// Whether a text is it.
    pub accepts: fn(&str) -> bool,
}

/// One object on its way through the door.
pub struct Door<'a> {
    object: &'a Map<String, Value>,
    path: String,
    wrongs: &'a mut Wrongs,
}

impl<'a> Door<'a> {
    /// Opens an object. A key that is not in `known` is wrong, and the known ones are named.
    pub fn open(
        value: &'a Value,
        path: &str,
        known: &[&str],
        wrongs: &'a mut Wrongs,
    ) -> Option<Self> {
        let Some(object) = value.as_object() else {
            wrongs.add(
                if path.is_empty() { "(top)" } else { path },
                "must be a JSON object",
            );
            return None;
        };
        let door = Self {
            object,
            path: path.to_owned(),
            wrongs,
        };
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            let path = door.at(key);
            door.wrongs.add(
                &path,
                format!("is not known; known here: {}", known.join(", ")),
            );
        }
        Some(door)
    }

    /// The path of a key of this object.
    pub fn at(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Notes what is wrong with a key.
    pub fn wrong(&mut self, key: &str, problem: impl AsRef<str>) {
        let path = self.at(key);
        self.wrongs.add(&path, problem);
    }

    /// The raw value of a key.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key)
    }

    /// Everything wrong so far, to open an object inside of this one.
    pub fn wrongs(&mut self) -> &mut Wrongs {
        self.wrongs
    }

    /// A text that may be left out.
    pub fn text(&mut self, key: &str, rule: Rule) -> Option<&'a str> {
        let value = self.object.get(key)?;
        self.checked(key, value, rule)
    }

    /// A text that has to be there.
    pub fn required(&mut self, key: &str, rule: Rule) -> Option<&'a str> {
        if !self.object.contains_key(key) {
            self.wrong(key, format!("is missing; it must be {}", rule.allowed));
        }
        self.text(key, rule)
    }

    /// A whole number within `range`, or the default.
    pub fn number(&mut self, key: &str, range: std::ops::RangeInclusive<u32>, default: u32) -> u32 {
        let Some(value) = self.object.get(key) else {
            return default;
        };
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
        match number.filter(|n| range.contains(n)) {
            Some(number) => number,
            None => {
                let problem = format!(
                    "must be a whole number from {} to {}, not {value}",
                    range.start(),
                    range.end()
                );
                self.wrong(key, problem);
                default
            }
        }
    }

    /// True or false; false when left out.
    pub fn flag(&mut self, key: &str) -> bool {
        self.flag_or(key, false)
    }

    /// True or false, or the default.
    pub fn flag_or(&mut self, key: &str, default: bool) -> bool {
        match self.object.get(key) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(value) => {
                self.wrong(key, format!("must be true or false, not {value}"));
                default
            }
        }
    }

    /// A list of texts; empty when left out.
    pub fn texts(&mut self, key: &str, rule: Rule) -> Vec<&'a str> {
        let Some(value) = self.object.get(key) else {
            return Vec::new();
        };
        let Some(list) = value.as_array() else {
            self.wrong(key, format!("must be a list, each entry {}", rule.allowed));
            return Vec::new();
        };
        let entries = list.iter().enumerate();
        entries
            .filter_map(|(n, entry)| self.checked(&format!("{key}[{n}]"), entry, rule))
            .collect()
    }

    /// A text, or a list of texts; empty when left out.
    pub fn one_or_several(&mut self, key: &str, rule: Rule) -> Vec<&'a str> {
        match self.object.get(key) {
            Some(Value::Array(_)) => self.texts(key, rule),
            _ => self.text(key, rule).into_iter().collect(),
        }
    }

    /// An object of texts, in its order; empty when left out.
    pub fn map(&mut self, key: &str) -> Vec<(String, String)> {
        let Some(value) = self.object.get(key) else {
            return Vec::new();
        };
        let Some(object) = value.as_object() else {
            self.wrong(key, "must be an object of texts");
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (name, value) in object {
            match value.as_str() {
                Some(text) => entries.push((name.clone(), text.to_owned())),
                None => self.wrong(
                    &format!("{key}.{name}"),
                    format!("must be a text, not {value}"),
                ),
            }
        }
        entries
    }

    fn checked(&mut self, key: &str, value: &'a Value, rule: Rule) -> Option<&'a str> {
        match value.as_str() {
            Some(text) if (rule.accepts)(text) => Some(text),
            _ => {
                self.wrong(key, format!("must be {}, not {value}", rule.allowed));
                None
            }
        }
    }
}
