//! What of a template's parameters is used, by way of its conditions, too.

use std::collections::BTreeSet;

use serde_json::Value;

/// What was reached so far.
pub(super) struct Reach<'a> {
    template: &'a Value,
    pub(super) parameters: BTreeSet<&'a str>,
    conditions: BTreeSet<&'a str>,
}

impl<'a> Reach<'a> {
    pub(super) fn of(template: &'a Value) -> Self {
        Self {
            template,
            parameters: BTreeSet::new(),
            conditions: BTreeSet::new(),
        }
    }

    /// Goes along everything that this part of the template names.
    pub(super) fn follow(&mut self, part: &'a Value) {
        let fields = part.as_object().into_iter().flatten();
        for (key, value) in fields {
            match (key.as_str(), value) {
                ("Ref", Value::String(name)) => self.parameter(name),
                ("Condition", Value::String(name)) => self.condition(name),
                ("Fn::If", Value::Array(parts)) => {
                    let condition = parts.first().and_then(Value::as_str);
                    condition.into_iter().for_each(|name| self.condition(name));
                }
                ("Fn::Sub", Value::String(text)) => self.placeholders(text),
                ("Fn::Sub", Value::Array(parts)) => {
                    let text = parts.first().and_then(Value::as_str);
                    text.into_iter().for_each(|text| self.placeholders(text));
                }
                _ => {}
            }
            self.follow(value);
        }
        let parts = part.as_array().into_iter().flatten();
        parts.for_each(|part| self.follow(part));
    }

    /// A name may also be a resource's, or AWS's own.
    fn parameter(&mut self, name: &'a str) {
        if self.template["Parameters"].get(name).is_some() {
            self.parameters.insert(name);
        }
    }

    fn condition(&mut self, name: &'a str) {
        let condition = self.template["Conditions"].get(name);
        if let Some(condition) = condition.filter(|_| self.conditions.insert(name)) {
            self.follow(condition);
        }
    }

    fn placeholders(&mut self, text: &'a str) {
        let after = text.split("${").skip(1);
        let names = after.filter_map(|after| after.split('}').next());
        names.for_each(|name| self.parameter(name));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_reached_in_every_way_that_a_template_has() {
        let template = json!({
            "Parameters": {"A": {}, "B": {}, "C": {}, "D": {}, "E": {}, "F": {}},
            "Conditions": {
                "HasC": {"Fn::Equals": [{"Ref": "C"}, ""]},
                "HasBoth": {"Fn::And": [{"Condition": "HasC"}, {"Fn::Equals": [{"Ref": "D"}, ""]}]},
            },
        });
        for (part, expected) in [
            (json!({"Ref": "A"}), vec!["A"]),
            (
                json!([{"x": {"Ref": "Resource"}}, {"Ref": "AWS::Region"}]),
                vec![],
            ),
            (
                json!({"Fn::Sub": "${A}-${AWS::Region}/${B}${!C}"}),
                vec!["A", "B"],
            ),
            (
                json!({"Fn::Sub": ["${A} ${x}", {"x": {"Ref": "B"}}]}),
                vec!["A", "B"],
            ),
            (
                json!({"Fn::If": ["HasBoth", {"Ref": "E"}, ""]}),
                vec!["C", "D", "E"],
            ),
            (json!({"Condition": "HasC"}), vec!["C"]),
            (
                json!({"Condition": {"StringEquals": {"a": {"Ref": "F"}}}}),
                vec!["F"],
            ),
        ] {
            let mut reach = Reach::of(&template);
            reach.follow(&part);
            assert_eq!(reach.parameters.into_iter().collect::<Vec<_>>(), expected);
        }
    }
}
