//! A side of a template: what of it is there when the parameter `Side` has a certain value.

use std::collections::BTreeSet;

use serde_json::Value;

use super::map;
use super::reach::Reach;

/// The parameter that chooses.
const CHOICE: &str = "Side";

/// A template as one of its sides; the whole of it where there is nothing to choose.
pub(super) struct Side<'a> {
    template: &'a Value,
    name: Option<&'a str>,
}

impl<'a> Side<'a> {
    /// One for each value that may be chosen.
    pub(super) fn all(template: &'a Value) -> Vec<Self> {
        let choices = template["Parameters"].get(CHOICE);
        let choices = choices.and_then(|choice| choice["AllowedValues"].as_array());
        let names = choices.into_iter().flatten().filter_map(Value::as_str);
        let sides = names.map(|name| Self {
            template,
            name: Some(name),
        });
        let mut sides: Vec<Self> = sides.collect();
        if sides.is_empty() {
            let name = None;
            sides.push(Self { template, name });
        }
        sides
    }

    pub(super) fn name(&self) -> Option<&'a str> {
        self.name
    }

    pub(super) fn template(&self) -> &'a Value {
        self.template
    }

    /// Whether a resource or an output may be on this side.
    pub(super) fn has(&self, one: &Value) -> bool {
        let condition = one["Condition"].as_str();
        condition.is_none_or(|name| self.named(name) != Some(false))
    }

    /// The parameters that something on this side goes by.
    pub(super) fn parameters(&self) -> BTreeSet<&'a str> {
        if self.name.is_none() {
            let all = map(self.template, "Parameters");
            return all.map(|(name, _)| name.as_str()).collect();
        }
        let mut reach = Reach::of(self.template);
        for (_, global) in map(self.template, "Globals") {
            reach.follow(global);
        }
        for part in ["Resources", "Outputs"] {
            let here = map(self.template, part).filter(|(_, one)| self.has(one));
            here.for_each(|(_, one)| reach.follow(one));
        }
        reach.parameters
    }

    /// The parameters that a rule of the template does not let be empty on this side.
    pub(super) fn asked_for(&self) -> BTreeSet<&'a str> {
        let rules = map(self.template, "Rules").map(|(_, rule)| rule);
        let holds = |rule: &&Value| match rule.get("RuleCondition") {
            None => true,
            Some(condition) => self.decided(condition) == Some(true),
        };
        let assertions = rules
            .filter(holds)
            .filter_map(|rule| rule["Assertions"].as_array());
        let assertions = assertions.flatten().map(|one| &one["Assert"]);
        assertions.filter_map(not_empty).collect()
    }

    fn named(&self, name: &str) -> Option<bool> {
        self.decided(self.template.get("Conditions")?.get(name)?)
    }

    /// What a condition comes to, as far as the side decides it.
    fn decided(&self, condition: &Value) -> Option<bool> {
        let (function, value) = condition.as_object()?.iter().next()?;
        let parts = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut each = parts.iter().map(|part| self.decided(part));
        match (function.as_str(), parts) {
            ("Condition", _) => self.named(value.as_str()?),
            ("Fn::Equals", [one, other]) if one["Ref"] == CHOICE => {
                Some(other.as_str()? == self.name?)
            }
            ("Fn::Not", _) => each.next()?.map(|holds| !holds),
            ("Fn::And", _) => each.min_by_key(certainty)?,
            ("Fn::Or", _) => each.max_by_key(certainty)?,
            _ => None,
        }
    }
}

/// From certainly not to certainly: `And` is the least of its parts, and `Or` the greatest.
fn certainty(holds: &Option<bool>) -> u8 {
    match holds {
        Some(false) => 0,
        None => 1,
        Some(true) => 2,
    }
}

/// The parameter that an assertion wants to be something.
fn not_empty(assertion: &Value) -> Option<&str> {
    let negated = assertion.get("Fn::Not")?.get(0)?;
    // Of a list, each member.
    let equals = ["Fn::Equals", "Fn::EachMemberEquals"];
    let equals = equals.iter().find_map(|name| negated.get(name));
    let [one, other] = equals?.as_array()?.as_slice() else {
        return None;
    };
    one["Ref"].as_str().filter(|_| other == "")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template() -> Value {
        let reference = |name: &str| json!({"Ref": name});
        let is = |value: &str| json!({"Fn::Equals": [{"Ref": "Side"}, value]});
        let given = |name: &str| json!({"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]});
        let each = |name: &str| json!({"Fn::Not": [{"Fn::EachMemberEquals": [{"Ref": name}, ""]}]});
        json!({
            "Parameters": {
                "Side": {"AllowedValues": ["tooling", "production"]},
                "Both": {}, "Key": {}, "Lock": {}, "Days": {}, "Bucket": {}, "Pipelines": {},
            },
            "Rules": {
                "Needs": {
                    "RuleCondition": is("production"),
                    "Assertions": [{"Assert": given("Key")}, {"Assert": each("Bucket")}],
                },
                "Perhaps": {
                    "RuleCondition": given("Lock"),
                    "Assertions": [{"Assert": given("Days")}],
                },
            },
            "Conditions": {
                "InTooling": is("tooling"),
                "InProduction": {"Fn::Not": [{"Condition": "InTooling"}]},
                "Locks": {"Fn::And": [{"Condition": "InProduction"}, given("Lock")]},
            },
            "Globals": {"Function": {"Level": reference("Both")}},
            "Resources": {
                "Updater": {"Condition": "InTooling", "Pipelines": reference("Pipelines")},
                "Releases": {"Condition": "InProduction", "Name": {"Fn::Sub": "${Bucket}-x"}},
                "Held": {"Condition": "Locks", "Days": reference("Days")},
            },
            "Outputs": {"Key": {"Condition": "InProduction", "Value": reference("Key")}},
        })
    }

    fn check(side: &str, parameters: &[&str], asked_for: &[&str]) {
        let template = template();
        let sides = Side::all(&template);
        let side = sides.iter().find(|one| one.name() == Some(side)).unwrap();
        let sorted =
            |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(sorted(side.parameters()), parameters);
        assert_eq!(sorted(side.asked_for()), asked_for);
    }

    #[test]
    fn a_side_has_what_its_resources_and_outputs_go_by() {
        check("tooling", &["Both", "Pipelines", "Side"], &[]);
        let production = ["Both", "Bucket", "Days", "Key", "Lock", "Side"];
        check("production", &production, &["Bucket", "Key"]);
    }

    #[test]
    fn what_one_part_leaves_open_another_may_decide() {
        let template = template();
        let tooling = Side::all(&template).remove(0);
        let open = json!({"Fn::Equals": [{"Ref": "Lock"}, "NONE"]});
        let (holds, not) = (
            json!({"Condition": "InTooling"}),
            json!({"Condition": "Locks"}),
        );
        for (condition, expected) in [
            (json!({"Fn::And": [open, holds]}), None),
            (json!({"Fn::And": [open, not]}), Some(false)),
            (json!({"Fn::Or": [open, not]}), None),
            (json!({"Fn::Or": [open, holds]}), Some(true)),
            (json!({"Fn::Not": [not]}), Some(true)),
            (json!({"Fn::Not": [open]}), None),
        ] {
            assert_eq!(tooling.decided(&condition), expected, "{condition}");
        }
    }

    #[test]
    fn without_a_choice_there_is_one_side_with_everything() {
        let template = json!({"Parameters": {"Name": {}}});
        let sides = Side::all(&template);
        let [whole] = sides.as_slice() else {
            panic!("{} sides", sides.len());
        };
        assert_eq!(whole.name(), None);
        assert!(whole.parameters().contains("Name"));
    }
}
