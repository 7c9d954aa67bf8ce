//! CloudFormation waits for a service, which the emulator never does.

use rehearsal::proxy::{Call, Fault, Proxy, What, When};
use rehearsal::world::{Service, Stack};

use super::resource_is;
use super::xml::{self, result_of};

/// CloudFormation is seen to wait for a service, from the execution of a change set on until redbutton
/// asks for the way back. All else that happens to the stack is the emulator's own.
pub(in super::super) fn waits_for(proxy: &Proxy, stack: &Stack, service: &Service) {
    let calls = proxy.clone();
    let (stack, service) = (stack.id.clone(), service.arn.clone());
    let what = What::rewrite_query(move |call, answer| {
        let token = under_way(&calls.calls())?;
        let event = resource_is("Service", "AWS::ECS::Service", "UPDATE_IN_PROGRESS", "");
        let newest = xml::event(&event, 0, &stack, &service, &token);
        let told = result_of(answer, &call.operation)?;
        Some(told.replacen("<StackEvents>", &format!("<StackEvents>{newest}"), 1))
    });
    let when = When::next("cloudformation", "DescribeStackEvents");
    proxy.inject_for_good(Fault { when, what });
}

/// The token of the execution, until the way back is asked for.
fn under_way(calls: &[Call]) -> Option<String> {
    let newest = calls.iter().rev().find(|call| {
        ["ExecuteChangeSet", "CancelUpdateStack"].contains(&call.operation.as_str())
    })?;
    let executed = newest.operation == "ExecuteChangeSet";
    executed.then(|| newest.request_parameter("ClientRequestToken"))?
}
