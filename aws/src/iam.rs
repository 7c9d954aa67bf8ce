//! IAM: whether a role is there, and what it may do by its own policies.

use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PermissionsBoundaryDecisionDetail,
    PolicyEvaluationDecisionType, ResourceSpecificResult,
};
use shared::preflight::access::{Decision, Limit, Ruling, Verdict};

pub use aws_sdk_iam::Client;

use crate::error::{CallError, Kind};

/// A role's ARN by its name, which is the last part of the ARN's path; none when there is no such
/// role in the client's account.
pub async fn role(client: &Client, name: &str) -> Result<Option<String>, CallError> {
    const OPERATION: &str = "iam:GetRole";
    let answer = client.get_role().role_name(name).send().await;
    match answer.map_err(|error| CallError::new(OPERATION, error)) {
        Ok(answer) => {
            let role = answer.role();
            let role =
                role.ok_or_else(|| CallError::unusable(OPERATION, "the answer has no role"))?;
            Ok(Some(role.arn().to_owned()))
        }
        Err(error) if error.kind == Kind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

const SIMULATE: &str = "iam:SimulatePrincipalPolicy";

/// What a principal's own policies say about an action: one decision per resource, in their order.
/// Context entries are keys, such as `iam:PassedToService`, with a string each. A principal that is
/// not there is an error of kind Missing; no resource is no call.
pub async fn simulate(
    client: &Client,
    principal: &str,
    action: &str,
    resources: &[String],
    context: &[(String, String)],
) -> Result<Vec<Decision>, CallError> {
    let mut decisions = Vec::new();
    // One call answers for all of them; what an answer leaves out is asked for again.
    while let Some(resource) = resources.get(decisions.len()) {
        let rest = resources.get(decisions.len()..).unwrap_or_default();
        let results = results(client, principal, action, rest, context).await?;
        let known = decisions.len();
        decisions.extend(rest.iter().map_while(|resource| {
            ruling(&results, resource).map(|ruling| Decision {
                resource: resource.clone(),
                ruling,
            })
        }));
        if decisions.len() == known {
            let message = format!("the answer has no usable decision about {action} on {resource}");
            return Err(CallError::unusable(SIMULATE, message));
        }
    }
    Ok(decisions)
}

async fn results(
    client: &Client,
    principal: &str,
    action: &str,
    resources: &[String],
    context: &[(String, String)],
) -> Result<Vec<EvaluationResult>, CallError> {
    let entries = context.iter().map(|(key, value)| {
        ContextEntry::builder()
            .context_key_name(key)
            .context_key_values(value)
            .context_key_type(ContextKeyTypeEnum::String)
            .build()
    });
    let mut pages = client
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .action_names(action)
        .set_resource_arns(Some(resources.to_vec()))
        .set_context_entries((!context.is_empty()).then(|| entries.collect()))
        .into_paginator()
        .send();
    let mut results = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::new(SIMULATE, error))?;
        results.extend(page.evaluation_results.unwrap_or_default());
    }
    Ok(results)
}

/// The ruling about one resource. The result for the action as a whole names a pattern instead,
/// unless it was about this resource alone.
fn ruling(results: &[EvaluationResult], resource: &str) -> Option<Ruling> {
    let mut each = results.iter().flat_map(|result| {
        let specific = result.resource_specific_results().iter();
        specific.map(move |specific| (result, specific))
    });
    if let Some((whole, specific)) = each.find(|(_, it)| it.eval_resource_name() == resource) {
        return of(whole, Some(specific));
    }
    let mut each = results.iter();
    let whole = each.find(|result| result.eval_resource_name() == Some(resource))?;
    of(whole, None)
}

fn of(whole: &EvaluationResult, specific: Option<&ResourceSpecificResult>) -> Option<Ruling> {
    let decision = specific.map_or(whole.eval_decision(), |it| it.eval_resource_decision());
    let verdict = match decision {
        PolicyEvaluationDecisionType::Allowed => Verdict::Allowed,
        PolicyEvaluationDecisionType::ExplicitDeny => Verdict::ExplicitDeny,
        PolicyEvaluationDecisionType::ImplicitDeny => Verdict::ImplicitDeny,
        _ => return None,
    };
    let mut missing = specific.map_or(&[][..], |it| it.missing_context_values());
    if missing.is_empty() {
        missing = whole.missing_context_values();
    }
    // What the organization says stands with the whole only.
    let organization = whole.organizations_decision_detail();
    let boundary = match specific {
        Some(specific) => specific.permissions_boundary_decision_detail(),
        None => whole.permissions_boundary_decision_detail(),
    };
    let limit = if organization.is_some_and(|detail| !detail.allowed_by_organizations()) {
        Some(Limit::Organization)
    } else if boundary.is_some_and(is_outside) {
        Some(Limit::Boundary)
    } else {
        None
    };
    Some(Ruling {
        verdict,
        missing: missing.to_vec(),
        limit: limit.filter(|_| verdict != Verdict::Allowed),
    })
}

fn is_outside(boundary: &PermissionsBoundaryDecisionDetail) -> bool {
    !boundary.allowed_by_permissions_boundary()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{query, query_error, replay};
    use serde_json::{Value, json};

    const ROLE: &str = "arn:aws:iam::333333333333:role/service/web-task";

    #[tokio::test]
    async fn a_role_is_there_or_is_not() {
        let stored = format!(
            "<Role><Path>/service/</Path><RoleName>web-task</RoleName><RoleId>AROA</RoleId>\
             <Arn>{ROLE}</Arn><CreateDate>2026-02-02T03:04:05Z</CreateDate></Role>"
        );
        let (config, replay) = replay([
            query("GetRole", &stored),
            query_error("NoSuchEntity", "The role with name gone cannot be found."),
            query_error("AccessDenied", "no"),
        ]);
        let client = Client::new(&config);
        let found = role(&client, "web-task").await.unwrap();
        assert_eq!(found.as_deref(), Some(ROLE));
        assert_eq!(role(&client, "gone").await.unwrap(), None);
        let error = role(&client, "web-task").await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        let (operation, body) = &replay.calls()[0];
        assert_eq!(
            (operation.as_str(), &body["RoleName"]),
            ("GetRole", &json!("web-task"))
        );
    }

    fn specific(resource: &str, decision: &str) -> String {
        format!(
            "<member><EvalResourceName>{resource}</EvalResourceName>\
             <EvalResourceDecision>{decision}</EvalResourceDecision></member>"
        )
    }

    fn evaluated(resource: &str, decision: &str, specific: &[String], rest: &str) -> (u16, Value) {
        let specific = specific.concat();
        let result = format!(
            "<EvaluationResults><member><EvalActionName>iam:PassRole</EvalActionName>\
             <EvalResourceName>{resource}</EvalResourceName><EvalDecision>{decision}</EvalDecision>\
             <ResourceSpecificResults>{specific}</ResourceSpecificResults></member>\
             </EvaluationResults>{rest}"
        );
        query("SimulatePrincipalPolicy", &result)
    }

    async fn asked(
        resources: &[&str],
        answers: Vec<(u16, Value)>,
    ) -> (Result<Vec<Ruling>, CallError>, Vec<Value>) {
        let (config, replay) = replay(answers);
        let resources: Vec<String> = resources.iter().map(|text| (*text).to_owned()).collect();
        let context = [(
            "iam:PassedToService".into(),
            "ecs-tasks.amazonaws.com".into(),
        )];
        let client = Client::new(&config);
        let result = simulate(&client, ROLE, "iam:PassRole", &resources, &context).await;
        let rulings = result.map(|decisions| {
            let named = decisions.iter().map(|decision| &decision.resource);
            assert!(named.eq(&resources));
            let rulings = decisions.into_iter().map(|decision| decision.ruling);
            rulings.collect()
        });
        let bodies = replay.calls().into_iter().map(|(_, body)| body).collect();
        (rulings, bodies)
    }

    #[tokio::test]
    async fn each_resource_has_its_decision_wherever_in_the_pages_it_stands() {
        let pattern = "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}";
        let more = "<IsTruncated>true</IsTruncated><Marker>2</Marker>";
        let first = [
            specific("arn:b", "implicitDeny"),
            specific("arn:c", "explicitDeny"),
        ];
        let (rulings, bodies) = asked(
            &["arn:a", "arn:b", "arn:c"],
            vec![
                evaluated(pattern, "explicitDeny", &first, more),
                evaluated(pattern, "explicitDeny", &[specific("arn:a", "allowed")], ""),
            ],
        )
        .await;
        assert_eq!(
            rulings.unwrap(),
            [
                Verdict::Allowed,
                Verdict::ImplicitDeny,
                Verdict::ExplicitDeny
            ]
            .map(Ruling::from)
        );
        assert_eq!(
            bodies[0],
            json!({"Action": "SimulatePrincipalPolicy", "Version": "2010-05-08",
                "PolicySourceArn": ROLE, "ActionNames.member.1": "iam:PassRole",
                "ResourceArns.member.1": "arn:a", "ResourceArns.member.2": "arn:b",
                "ResourceArns.member.3": "arn:c",
                "ContextEntries.member.1.ContextKeyName": "iam:PassedToService",
                "ContextEntries.member.1.ContextKeyValues.member.1": "ecs-tasks.amazonaws.com",
                "ContextEntries.member.1.ContextKeyType": "string"})
        );
        assert_eq!((bodies.len(), &bodies[1]["Marker"]), (2, &json!("2")));
    }

    // rules: 3.10.3
    #[tokio::test]
    async fn a_denial_says_what_it_was_not_told_and_what_it_cannot_go_beyond() {
        let specific = |resource: &str, decision: &str, rest: &str| {
            format!(
                "<member><EvalResourceName>{resource}</EvalResourceName>\
                 <EvalResourceDecision>{decision}</EvalResourceDecision>{rest}</member>"
            )
        };
        let missing = |key: &str| {
            format!("<MissingContextValues><member>{key}</member></MissingContextValues>")
        };
        let boundary = |allowed: bool| {
            format!(
                "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>{allowed}\
                 </AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>"
            )
        };
        let organization = |allowed: bool| {
            format!(
                "<OrganizationsDecisionDetail><AllowedByOrganizations>{allowed}\
                 </AllowedByOrganizations></OrganizationsDecisionDetail>"
            )
        };
        let answer = |resource: &str, specific: &[String], rest: &str| {
            let specific = specific.concat();
            let result = format!(
                "<EvaluationResults><member><EvalActionName>iam:PassRole</EvalActionName>\
                 <EvalResourceName>{resource}</EvalResourceName>\
                 <EvalDecision>implicitDeny</EvalDecision>{rest}\
                 <ResourceSpecificResults>{specific}</ResourceSpecificResults></member>\
                 </EvaluationResults>"
            );
            query("SimulatePrincipalPolicy", &result)
        };
        let each = [
            specific("arn:a", "explicitDeny", &missing("aws:ResourceTag/team")),
            specific("arn:b", "implicitDeny", &boundary(false)),
            specific("arn:c", "implicitDeny", &boundary(true)),
        ];
        let asked_for = ["arn:a", "arn:b", "arn:c", "arn:d"];
        let last = [
            organization(false),
            boundary(false),
            missing("aws:SourceVpc"),
        ]
        .concat();
        let answers = vec![
            answer("pattern", &each, &organization(true)),
            answer("arn:d", &[], &last),
        ];
        let (rulings, _) = asked(&asked_for, answers).await;
        let of = |verdict, missing: &[&str], limit| Ruling {
            verdict,
            missing: missing.iter().map(|key| (*key).to_owned()).collect(),
            limit,
        };
        let (implicit, explicit) = (Verdict::ImplicitDeny, Verdict::ExplicitDeny);
        assert_eq!(
            rulings.unwrap(),
            [
                of(explicit, &["aws:ResourceTag/team"], None),
                of(implicit, &[], Some(Limit::Boundary)),
                of(implicit, &[], None),
                of(implicit, &["aws:SourceVpc"], Some(Limit::Organization)),
            ]
        );
    }

    #[tokio::test]
    async fn what_an_answer_leaves_out_is_asked_for_again_but_not_for_ever() {
        let about = |resource| evaluated(resource, "allowed", &[], "");
        let (rulings, bodies) = asked(&["arn:a", "*"], vec![about("arn:a"), about("*")]).await;
        assert_eq!(
            rulings.unwrap(),
            [Verdict::Allowed, Verdict::Allowed].map(Ruling::from)
        );
        assert_eq!(bodies[1]["ResourceArns.member.1"], "*");

        let (rulings, _) = asked(&["arn:a", "arn:b"], vec![about("arn:a"), about("arn:c")]).await;
        let error = rulings.unwrap_err();
        assert_eq!(
            error.message,
            "the answer has no usable decision about iam:PassRole on arn:b"
        );
        let (rulings, bodies) = asked(&[], vec![]).await;
        assert_eq!((rulings.unwrap().len(), bodies.len()), (0, 0));
    }

    #[tokio::test]
    async fn no_such_principal_is_missing_and_no_answer() {
        let gone = query_error("NoSuchEntity", "Entity does not exist");
        let (rulings, _) = asked(&["arn:a"], vec![gone]).await;
        assert_eq!(rulings.unwrap_err().kind, Kind::Missing);
    }
}
