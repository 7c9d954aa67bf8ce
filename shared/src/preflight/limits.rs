//! What ECS and CloudFormation do not take, whatever is in the account.

use serde_json::Value;

use crate::preview::Finding;
use crate::task_definition::TaskDefinition;

/// Containers of a task definition (ECS guide, "Amazon ECS service quotas"; not adjustable).
const MOST_CONTAINERS: usize = 10;
/// Bytes of a task definition: 64 KiB (as above).
const MOST_BYTES: usize = 65_536;
/// Resources of a template (CloudFormation guide, "Understand CloudFormation quotas").
const MOST_RESOURCES: usize = 500;

/// CPU units on Fargate, and for each the memory in MiB: from, to, in steps of (ECS guide, "Troubleshoot
/// Amazon ECS task definition invalid CPU or memory errors").
const FARGATE: [(u64, u64, u64, u64); 7] = [
    (256, 1_024, 2_048, 1_024), // and 512
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];
/// As [`FARGATE`], with memory that follows no steps.
const FARGATE_ODD: [(u64, &[u64]); 2] = [(256, &[512]), (32_768, &[61_440, 122_880, 249_856])];

/// Whether a task definition has to fit Fargate.
pub fn on_fargate(definition: &TaskDefinition) -> bool {
    let compatible = definition.body().get("requiresCompatibilities");
    let mut each = compatible.and_then(Value::as_array).into_iter().flatten();
    each.any(|name| name == "FARGATE")
}

/// Findings about a task definition as it would be registered, with the tags that redbutton adds:
/// their values as for [`register_input`](TaskDefinition::register_input).
pub fn definition(
    definition: &TaskDefinition,
    operation: &str,
    attempt: &str,
    was: Option<&str>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |text: String| findings.push(Finding::Refused(text));
    let family = definition.family();
    let signs = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if family.len() > 255 || !family.chars().all(signs) {
        refuse(format!(
            "family: is {family:?}; ECS takes 1 to 255 letters, digits, - and _"
        ));
    }
    let containers = definition.containers().len();
    if containers > MOST_CONTAINERS {
        refuse(format!(
            "containerDefinitions: has {containers} containers; ECS takes at most {MOST_CONTAINERS}: \
             put some of them into another service"
        ));
    }
    if let Some(text) = size_on_fargate(definition) {
        refuse(text);
    }
    let alone = serde_json::to_string(definition.body()).map_or(0, |text| text.len());
    let too_long = format!(
        "ECS takes at most {MOST_BYTES}; move what is long, such as environment variables, into \
         parameters or an environment file"
    );
    if alone > MOST_BYTES {
        refuse(format!("the task definition has {alone} bytes; {too_long}"));
    }
    match definition.register_input(operation, attempt, was) {
        Err(text) => refuse(format!("tags: {text}: take some away")),
        // What of a request counts is not documented.
        Ok(input) => {
            let all = input.to_string().len();
            if alone <= MOST_BYTES && all > MOST_BYTES {
                findings.push(Finding::NotProvable(format!(
                    "the task definition has {alone} bytes, {all} with its tags; {too_long}"
                )));
            }
        }
    }
    findings
}

/// Why Fargate has no task of this size. A size over all that are known here may be a new one.
fn size_on_fargate(definition: &TaskDefinition) -> Option<String> {
    if !on_fargate(definition) {
        return None;
    }
    let field = |key: &str| definition.body().get(key);
    let (cpu, memory) = (field("cpu"), field("memory"));
    let missing: Vec<&str> = [("cpu", cpu), ("memory", memory)]
        .into_iter()
        .filter_map(|(name, value)| value.is_none().then_some(name))
        .collect();
    if !missing.is_empty() {
        return Some(format!(
            "{}: is missing, and Fargate needs it",
            missing.join(", ")
        ));
    }
    let cpu = amount(cpu?, "vcpu")?;
    let memory = amount(memory?, "gb")?;
    let steps = FARGATE.iter().find(|(known, ..)| *known == cpu);
    let odd = FARGATE_ODD.iter().find(|(known, _)| *known == cpu);
    if steps.is_none() && odd.is_none() {
        let known = FARGATE.iter().map(|(cpu, ..)| cpu.to_string());
        let known: Vec<String> = known.chain(["32768".to_owned()]).collect();
        return (cpu < 32_768).then(|| {
            format!(
                "cpu: is {cpu}, which Fargate does not have; it has {}",
                known.join(", ")
            )
        });
    }
    let in_steps = |(_, from, to, step): &(u64, u64, u64, u64)| {
        (*from..=*to).contains(&memory) && (memory - from).is_multiple_of(*step)
    };
    let listed = odd.is_some_and(|(_, values)| values.contains(&memory));
    if listed || steps.is_some_and(in_steps) {
        return None;
    }
    let mut there: Vec<String> = odd
        .into_iter()
        .flat_map(|(_, values)| values.iter().map(u64::to_string))
        .collect();
    there.extend(steps.map(|(_, from, to, step)| format!("{from} to {to} in steps of {step}")));
    Some(format!(
        "memory: is {memory} MiB, which Fargate does not have with cpu {cpu}; it has {}",
        there.join(", ")
    ))
}

/// `1024`, `"1024"`, `"1 vCPU"`, `"2GB"` → units, MiB; none for what cannot be read.
fn amount(value: &Value, unit: &str) -> Option<u64> {
    let text = match value {
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let Some(number) = text.strip_suffix(unit) else {
        return text.parse().ok();
    };
    // Whole 1,024ths: a quarter of a vCPU is 256.
    let (whole, part) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let digits = u32::try_from(part.len())
        .ok()
        .filter(|digits| *digits <= 6)?;
    let part: u64 = if part.is_empty() {
        0
    } else {
        part.parse().ok()?
    };
    whole
        .checked_mul(1_024)?
        .checked_add(part * 1_024 / 10_u64.pow(digits))
}

/// Findings about a template. Only of JSON without a transform it is known how many resources it
/// has: CloudFormation itself counts the others when it makes the change set.
pub fn template(text: &str) -> Option<Finding> {
    let template: Value = serde_json::from_str(text).ok()?;
    let count = template.get("Resources")?.as_object()?.len();
    (count > MOST_RESOURCES && template.get("Transform").is_none()).then(|| {
        Finding::Refused(format!(
            "template: has {count} resources; CloudFormation takes at most {MOST_RESOURCES}: put \
             some of them into a nested stack"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn findings(change: impl Fn(&mut Value)) -> Vec<Finding> {
        let mut file = json!({"family": "web", "cpu": "256", "memory": "512",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{"name": "web", "image": "r/web:1"}]});
        change(&mut file);
        let file = TaskDefinition::from_file(file.to_string().as_bytes()).unwrap();
        definition(&file, "operation", "attempt", None)
    }

    fn check(change: impl Fn(&mut Value), expected: &str) {
        match findings(change).as_slice() {
            [] => assert_eq!(expected, ""),
            [Finding::Refused(text)] => {
                assert!(!expected.is_empty() && text.contains(expected), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_ecs_does_not_take_is_found() {
        let container = |n: usize| json!({"name": format!("c{n}"), "image": "r/web:1"});
        let containers = |count| (0..count).map(container).collect::<Value>();
        check(|_| {}, "");
        check(|f| f["family"] = "web.api".into(), "\"web.api\"");
        check(|f| f["family"] = "w".repeat(256).into(), "1 to 255");
        check(|f| f["containerDefinitions"] = containers(10), "");
        check(
            |f| f["containerDefinitions"] = containers(11),
            "has 11 containers",
        );
        let tags = |count| {
            (0..count)
                .map(|n| json!({"key": n.to_string(), "value": ""}))
                .collect::<Value>()
        };
        check(|f| f["tags"] = tags(47), "");
        check(|f| f["tags"] = tags(48), "has 48 tags");
    }

    #[test]
    fn a_definition_that_is_too_long_is_refused_and_with_its_tags_it_may_be() {
        let long = |bytes: usize| {
            move |file: &mut Value| {
                file["containerDefinitions"][0]["command"] = json!(["x".repeat(bytes)])
            }
        };
        check(long(65_000), "");
        check(long(65_536), "at most 65536");
        let found = findings(long(65_300));
        assert!(
            matches!(found.as_slice(), [Finding::NotProvable(_)]),
            "{found:?}"
        );
    }

    #[test]
    fn fargate_has_sizes() {
        for (cpu, memory, expected) in [
            (json!("256"), json!("512"), ""),
            (json!(256), json!(2_048), ""),
            (json!(".25 vCPU"), json!("0.5 GB"), ""),
            (json!("1 vcpu"), json!("8GB"), ""),
            (json!("256"), json!("3072"), "512, 1024 to 2048"),
            (json!("512"), json!("512"), "1024 to 4096"),
            (json!("1024"), json!("2500"), "in steps of 1024"),
            (json!("4096"), json!("30720"), ""),
            (json!("8192"), json!("18432"), "in steps of 4096"),
            (json!("16384"), json!("122880"), ""),
            (json!("32768"), json!("249856"), ""),
            (json!("32 vCPU"), json!("64 GB"), "61440, 122880, 249856"),
            (json!("300"), json!("512"), "which Fargate does not have"),
            (json!("65536"), json!("524288"), ""),
            (Value::Null, json!("512"), "cpu: is missing"),
        ] {
            let set =
                |file: &mut Value| (file["cpu"], file["memory"]) = (cpu.clone(), memory.clone());
            check(set, expected);
            let elsewhere = |file: &mut Value| {
                set(file);
                file["requiresCompatibilities"] = json!(["EC2"]);
            };
            check(elsewhere, "");
        }
    }

    #[test]
    fn a_template_has_a_number_of_resources() {
        let of = |count: usize, more: &str| {
            let resources: serde_json::Map<String, Value> = (0..count)
                .map(|n| (format!("R{n}"), json!({"Type": "AWS::SNS::Topic"})))
                .collect();
            let mut template = json!({"Resources": resources});
            if !more.is_empty() {
                template["Transform"] = more.into();
            }
            template.to_string()
        };
        assert_eq!(template(&of(500, "")), None);
        assert!(matches!(template(&of(501, "")), Some(Finding::Refused(_))));
        assert_eq!(template(&of(501, "AWS::Serverless-2016-10-31")), None);
        assert_eq!(template("Resources: {}"), None);
    }
}
