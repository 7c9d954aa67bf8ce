//! CodePipeline's template configuration, as its own CloudFormation action takes it, and single
//! values out of other JSON files (CONTRACTS 3.6.16).

use serde_json::{Map, Value};

/// A template configuration: `{"Parameters": {…}, "Tags": {…}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Parameters and their values; those left out keep theirs.
    pub parameters: Vec<(String, String)>,
    /// The stack's tags, all of them; none means that they stay (CONTRACTS 3.6.11).
    pub tags: Option<Vec<(String, String)>>,
}

/// What a stack takes (CONTRACTS 3.6.11).
pub const MOST_TAGS: usize = 50;

const KNOWN: [&str; 2] = ["Parameters", "Tags"];
/// What CodePipeline's own action takes besides.
const STACK_POLICY: &str = "StackPolicy";

/// CodePipeline's own action would set the policy; redbutton leaves it to those who may.
const POLICY: &str = "StackPolicy: redbutton does not change who may update what. Take it out, and \
                      set it by hand: `aws cloudformation set-stack-policy --stack-name <stack> \
                      --region <region> --stack-policy-body file://policy.json`";

impl Configuration {
    /// Reads a template configuration; the error is everything that is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<String>> {
        let file = object(bytes).map_err(|wrong| vec![wrong])?;
        let mut wrongs = Vec::new();
        let known = |key: &str| KNOWN.contains(&key) || key == STACK_POLICY;
        for key in file.keys().filter(|key| !known(key)) {
            let known = KNOWN.join(", ");
            wrongs.push(format!("{key}: is not known; known here: {known}"));
        }
        let parameters = texts(&file, "Parameters", &mut wrongs);
        let tags = texts(&file, "Tags", &mut wrongs);
        for (at, wrong) in tags.iter().flat_map(|tags| wrong_tags(tags)) {
            wrongs.push(format!("Tags{at}: {wrong}"));
        }
        if file.contains_key(STACK_POLICY) {
            wrongs.push(POLICY.to_owned());
        }
        if !wrongs.is_empty() {
            return Err(wrongs);
        }
        Ok(Self {
            parameters: parameters.unwrap_or_default(),
            tags,
        })
    }
}

/// The value of a top-level key of a JSON file, for `Fn::GetParam`.
pub fn get_param(bytes: &[u8], key: &str) -> Result<String, String> {
    let file = object(bytes)?;
    let Some(value) = file.get(key) else {
        let there: Vec<&str> = file.keys().map(String::as_str).collect();
        return Err(match there.as_slice() {
            [] => format!("has no key {key:?}, nor any other"),
            there => format!("has no key {key:?}; there are: {}", there.join(", ")),
        });
    };
    text_of(value).map_err(|wrong| format!("{key}: {wrong}"))
}

/// A value as CloudFormation takes it, which is always a text. The error completes a path, and does
/// not repeat the value, which may be a secret.
///
/// A number with a fraction has to be written as a text: `1.10` as a number is `1.1`, and nobody
/// would see the difference before it is deployed.
pub fn text_of(value: &Value) -> Result<String, String> {
    let instead = match value {
        Value::String(text) => return Ok(text.clone()),
        Value::Bool(yes) => return Ok(yes.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            return Ok(number.to_string());
        }
        Value::Number(_) => "write any other number as a text, since it would lose its zeros",
        Value::Array(_) => "write a list as one text with commas",
        Value::Object(_) => "not an object",
        Value::Null => "not null",
    };
    Err(format!(
        "must be a text, a whole number, true or false; {instead}"
    ))
}

/// What is wrong with tags: where among them, `.key` or nothing for all, and what (bc:cloudformation
/// Tag).
pub fn wrong_tags(tags: &[(String, String)]) -> Vec<(String, String)> {
    let fits = |text: &str, most: usize| (1..=most).contains(&text.chars().count());
    let mut wrongs = Vec::new();
    for (key, value) in tags {
        if !fits(key, 128) || key.starts_with("aws:") {
            let wrong = "a tag's key has 1 to 128 characters and does not begin with \"aws:\"";
            wrongs.push((format!(".{key}"), wrong.to_owned()));
        }
        if !fits(value, 256) {
            let wrong = "a tag's value has 1 to 256 characters";
            wrongs.push((format!(".{key}"), wrong.to_owned()));
        }
    }
    if tags.len() > MOST_TAGS {
        let wrong = format!("must be at most {MOST_TAGS} tags, not {}", tags.len());
        wrongs.push((String::new(), wrong));
    }
    wrongs
}

fn texts(
    file: &Map<String, Value>,
    key: &str,
    wrongs: &mut Vec<String>,
) -> Option<Vec<(String, String)>> {
    let value = file.get(key)?;
    let Some(entries) = value.as_object() else {
        wrongs.push(format!("{key}: must be an object of texts"));
        return None;
    };
    let mut texts = Vec::new();
    for (name, value) in entries {
        match text_of(value) {
            Ok(text) => texts.push((name.clone(), text)),
            Err(wrong) => wrongs.push(format!("{key}.{name}: {wrong}")),
        }
    }
    Some(texts)
}

/// The file as a JSON object, with or without the mark that some editors put in front.
fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("must be a JSON object".to_owned()),
        Err(error) => Err(format!("is not JSON ({error})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    // rules: 3.6.16
    #[test]
    fn the_file_of_codepipelines_own_action_is_taken() {
        // The example of cp:continuous-delivery-codepipeline-cfn-artifacts, without its policy.
        let file = br#"{"Parameters": {"DBName": "TestWordPressDB", "Count": 2, "Public": false},
                        "Tags": {"Department": "Marketing"}}"#;
        let configuration = Configuration::parse(file).unwrap();
        let expected = [
            ("DBName", "TestWordPressDB"),
            ("Count", "2"),
            ("Public", "false"),
        ];
        assert_eq!(configuration.parameters, pairs(&expected));
        assert_eq!(
            configuration.tags,
            Some(pairs(&[("Department", "Marketing")]))
        );
        // The mark that some editors put in front; nothing that changes.
        let empty = Configuration::parse(b"\xef\xbb\xbf{}").unwrap();
        assert_eq!(empty, Configuration::default());
    }

    // rules: 3.6.11
    #[test]
    fn no_tags_and_an_empty_list_of_tags_are_two_things() {
        let tags = |file: &[u8]| Configuration::parse(file).unwrap().tags;
        assert_eq!(tags(b"{}"), None);
        assert_eq!(tags(br#"{"Tags": {}}"#), Some(Vec::new()));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let file = json!({
            "Parameters": {"A": ["a"], "B": null, "C": {"Fn::GetParam": []}, "D": 1.10, "E": "e"},
            "Tags": {"aws:x": "y", "empty": ""},
            "StackPolicy": {"Statement": []},
            "parameters": {},
        });
        let wrongs = Configuration::parse(file.to_string().as_bytes()).unwrap_err();
        insta::assert_snapshot!(wrongs.join("\n"));
    }

    #[test]
    fn what_is_no_configuration_is_said() {
        let many: Map<String, Value> = (0..51).map(|n| (format!("t{n}"), "x".into())).collect();
        let many = json!({"Tags": many}).to_string();
        for (bytes, expected) in [
            ("[]", "must be a JSON object"),
            ("{", "is not JSON"),
            ("", "is not JSON"),
            (
                r#"{"Parameters": []}"#,
                "Parameters: must be an object of texts",
            ),
            (&many, "Tags: must be at most 50 tags, not 51"),
        ] {
            let wrongs = Configuration::parse(bytes.as_bytes()).unwrap_err();
            assert!(wrongs.join("\n").contains(expected), "{wrongs:?}");
        }
    }

    #[test]
    fn a_value_comes_out_of_a_file_or_the_file_is_described() {
        let file = br#"{"ImageUri": "r/web:v2", "Count": 18446744073709551615, "On": true,
                        "Deep": {"a": 1}, "List": [1], "Version": 1.10}"#;
        for (key, expected) in [
            ("ImageUri", Ok("r/web:v2")),
            ("Count", Ok("18446744073709551615")),
            ("On", Ok("true")),
            ("Imageuri", Err("there are: ImageUri, Count, On, Deep")),
            ("Deep", Err("Deep: must be a text")),
            ("List", Err("one text with commas")),
            ("Version", Err("any other number as a text")),
        ] {
            match (get_param(file, key), expected) {
                (Ok(value), Ok(expected)) => assert_eq!(value, expected),
                (Err(wrong), Err(expected)) => assert!(wrong.contains(expected), "{wrong}"),
                (value, _) => panic!("{key}: {value:?}"),
            }
        }
        assert!(get_param(b"{}", "A").unwrap_err().contains("nor any other"));
        assert!(get_param(b"A=1", "A").unwrap_err().contains("not JSON"));
        assert!(get_param(b"[1]", "A").unwrap_err().contains("JSON object"));
    }
}
