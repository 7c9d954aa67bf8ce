//! A script that is played for a stack, and where it is, which the calls so far say.

use std::collections::BTreeMap;
use std::sync::Arc;

use rehearsal::proxy::{Call, Proxy};
use rehearsal::world::Stack;
use rehearsal::xml_text;

use super::xml::{self, Shown, page, raw_members, replaced, result_of};
use super::{Change, ChangeSet, Event, STACK, Script};

/// A script on its stage; cloning shares it.
#[derive(Clone)]
pub(super) struct Stage(Arc<Inner>);

struct Inner {
    script: Script,
    calls: Proxy,
    name: String,
    id: String,
    /// Physical ids of what is in the stack.
    resources: BTreeMap<String, String>,
}

/// Where a script is: how many looks at the events there were.
struct Act {
    token: String,
    looks: usize,
    back: Option<Back>,
}

struct Back {
    token: String,
    looks: usize,
}

impl Stage {
    pub(super) fn new(script: Script, proxy: &Proxy, stack: &Stack) -> Self {
        Self(Arc::new(Inner {
            script,
            calls: proxy.clone(),
            name: stack.name.clone(),
            id: stack.id.clone(),
            resources: stack.resources().unwrap(),
        }))
    }

    /// Whether a call is about the stack, or about what is played inside it.
    pub(super) fn is_about(&self, call: &Call) -> bool {
        let named = |parameter| call.request_parameter(parameter).unwrap_or_default();
        let (stack, change_set) = (named("StackName"), named("ChangeSetName"));
        call.service == "cloudformation"
            && (self.is_root(&stack)
                || self.nested_events(&stack).is_some()
                || change_set.starts_with(&self.change_set_arn("")))
    }

    /// `DescribeStacks`: as it stands, then as its events say.
    pub(super) fn describe_stack(&self, call: &Call, answer: &str) -> Option<String> {
        let looks = self.count("DescribeStacks", call)?;
        let standing = &self.0.script.standing;
        let standing = standing.get(nth(standing, looks));
        let events = self.events();
        let events = events.iter().rev().map(|(event, _)| event);
        let newest = events.clone().find(|event| event.logical.is_empty());
        let (status, reason) = match (newest, standing) {
            (Some(event), _) => (event.status, event.reason),
            (None, Some(standing)) => (standing.status, standing.reason),
            (None, None) => return None,
        };
        let mut told = result_of(answer, &call.operation)?.to_owned();
        told = replaced(&told, "StackStatus", status);
        told = replaced(&told, "StackStatusReason", reason);
        if let Some(role) = standing
            .map(|standing| standing.role)
            .filter(|r| !r.is_empty())
        {
            let role = format!("</StackStatus><RoleARN>{role}</RoleARN>");
            told = told.replacen("</StackStatus>", &role, 1);
        }
        Some(told)
    }

    /// `DescribeChangeSet`: the first one that was made, or one of a stack nested in it.
    pub(super) fn describe_change_set(&self, call: &Call, answer: &str) -> Option<String> {
        let asked = call.request_parameter("ChangeSetName")?;
        let sets = &self.0.script.change_sets;
        let shown = |id: &str, name: &str, set: &ChangeSet, path: &str| {
            let start = call.request_parameter("NextToken");
            let start = start.and_then(|token| token.parse().ok()).unwrap_or(0);
            let (changes, next) = page(&set.changes, start, set.page);
            let arns = |change: &Change| {
                let inside = format!("{path}{}", change.logical);
                let physical = self.physical(change.logical, change.kind);
                (physical, self.change_set_arn(&inside))
            };
            xml::change_set(
                &Shown {
                    id,
                    name,
                    stack: &self.0.id,
                    set,
                },
                changes,
                next,
                &arns,
            )
        };
        if let Some(name) = xml_text(answer, "ChangeSetName") {
            let id = xml_text(answer, "ChangeSetId")?;
            let first = |call: &Call| call.operation == "CreateChangeSet";
            let first = self.calls().into_iter().find(first)?;
            (first.request_parameter("ChangeSetName")? == name).then_some(())?;
            let looks = self.count("DescribeChangeSet", call)?;
            return Some(shown(&id, &name, sets.get(nth(sets, looks))?, ""));
        }
        let path = asked.strip_prefix(&self.change_set_arn(""))?;
        let set = inside(sets.last()?, path)?;
        Some(shown(&asked, path, set, &format!("{path}-")))
    }

    /// `DescribeStackEvents`: what is played of our operation, above what the emulator has of others.
    pub(super) fn describe_events(&self, call: &Call, answer: &str) -> Option<String> {
        let stack = call.request_parameter("StackName")?;
        if let Some(events) = self.nested_events(&stack) {
            let token = self.act().map(|act| act.token).unwrap_or_default();
            let told = events.iter().enumerate().rev();
            let told = told.map(|(n, event)| {
                let physical = match event.logical {
                    "" => stack.clone(),
                    logical => self.physical(logical, event.kind),
                };
                xml::event(event, n, &stack, &physical, &token)
            });
            return Some(xml::events(told));
        }
        let act = self.act()?;
        let ours = self.events();
        (!ours.is_empty()).then_some(())?;
        let back = act.back.as_ref().map(|back| back.token.as_str());
        let played = ours.iter().enumerate().rev().map(|(n, (event, token))| {
            let physical = match event.logical {
                "" => self.0.id.clone(),
                logical => self.physical(logical, event.kind),
            };
            xml::event(event, n, &self.0.id, &physical, token)
        });
        let others = raw_members(answer).into_iter().filter(|member| {
            let token = xml_text(member, "ClientRequestToken").unwrap_or_default();
            token != act.token && Some(token.as_str()) != back
        });
        let told = played.chain(others.map(|member| format!("<member>{member}</member>")));
        Some(xml::events(told))
    }

    /// `CancelUpdateStack`: the emulator, which is done at once, has nothing to cancel.
    pub(super) fn cancel(&self, _: &Call, _: &str) -> Option<String> {
        (!self.0.script.forward.is_empty()).then(String::new)
    }

    /// What happened so far, oldest first, each with its token.
    fn events(&self) -> Vec<(Event, String)> {
        let Some(act) = self.act() else {
            return Vec::new();
        };
        let Script { forward, back, .. } = &self.0.script;
        // Whoever asks for the stack before it looks at the events finds what the first look will.
        let forward = forward.iter().take(act.looks.max(1)).flatten();
        let mut events: Vec<_> = forward.map(|event| (event, act.token.clone())).collect();
        if let Some(returning) = act.back {
            let back = back.iter().take(returning.looks.max(1)).flatten();
            events.extend(back.map(|event| (event, returning.token.clone())));
        }
        let owned = events.into_iter().map(|(event, ours)| {
            let token = event.token.map_or(ours, str::to_owned);
            (event.clone(), token)
        });
        owned.collect()
    }

    fn act(&self) -> Option<Act> {
        let calls = self.calls();
        let token = |call: &Call| {
            let token = call.request_parameter("ClientRequestToken");
            token.unwrap_or_default()
        };
        let executes = |call: &Call| call.operation == "ExecuteChangeSet";
        let begun = calls.iter().position(&executes)?;
        let ours = token(calls.get(begun)?);
        let returns = |call: &Call| {
            call.operation == "CancelUpdateStack" || (executes(call) && token(call) != ours)
        };
        let turned = calls.iter().position(&returns);
        let looks = |calls: &[Call]| calls.iter().filter(|call| self.is_look(call)).count();
        let (forward, back) = calls.split_at(turned.unwrap_or(calls.len()));
        Some(Act {
            looks: looks(forward.get(begun..)?),
            back: back.first().map(|call| Back {
                token: token(call),
                looks: looks(back),
            }),
            token: ours,
        })
    }

    /// Whether it asks for the newest events of the stack itself.
    fn is_look(&self, call: &Call) -> bool {
        let stack = call.request_parameter("StackName").unwrap_or_default();
        call.operation == "DescribeStackEvents"
            && self.is_root(&stack)
            && call.request_parameter("NextToken").is_none()
    }

    /// How many calls of an operation went before this one, with the same change set and without
    /// further pages; none when it is not about the stack itself.
    fn count(&self, operation: &str, call: &Call) -> Option<usize> {
        let stack = call.request_parameter("StackName").unwrap_or_default();
        let change_set = call.request_parameter("ChangeSetName");
        (self.is_root(&stack) || change_set.is_some()).then_some(())?;
        let calls = self.calls().into_iter();
        let before = calls.filter(|earlier| {
            earlier.operation == operation
                && earlier.index < call.index
                && earlier.request_parameter("ChangeSetName") == change_set
                && earlier.request_parameter("NextToken").is_none()
        });
        Some(before.count())
    }

    /// The calls about the stack.
    fn calls(&self) -> Vec<Call> {
        let calls = self.0.calls.calls().into_iter();
        calls.filter(|call| self.is_about(call)).collect()
    }

    fn is_root(&self, stack: &str) -> bool {
        stack == self.0.name || stack == self.0.id
    }

    fn nested_events(&self, stack: &str) -> Option<&[Event]> {
        let nested = self.0.script.nested.iter();
        let mut found = nested.filter(|(logical, _)| self.physical(logical, STACK) == stack);
        found.next().map(|(_, events)| events.as_slice())
    }

    /// A resource's physical id, made up for what the emulator does not have.
    fn physical(&self, logical: &str, kind: &str) -> String {
        match self.0.resources.get(logical) {
            Some(known) => known.clone(),
            None if kind == STACK => {
                format!("{}:stack/{}-{logical}/played", self.start(), self.0.name)
            }
            None => format!("played-{logical}"),
        }
    }

    fn change_set_arn(&self, path: &str) -> String {
        format!("{}:changeSet/played-{}/{path}", self.start(), self.0.name)
    }

    /// `arn:aws:cloudformation:<region>:<account>`.
    fn start(&self) -> &str {
        self.0.id.split(":stack/").next().unwrap_or_default()
    }
}

/// The `n`th of what is played, or the last one, which stays.
fn nth<T>(played: &[T], n: usize) -> usize {
    n.min(played.len().saturating_sub(1))
}

/// The change set of a nested stack: `Nested-Deeper`.
fn inside<'a>(set: &'a ChangeSet, path: &str) -> Option<&'a ChangeSet> {
    let (logical, rest) = path.split_once('-').unwrap_or((path, ""));
    let change = set
        .changes
        .iter()
        .find(|change| change.logical == logical)?;
    let nested = change.nested.as_deref()?;
    if rest.is_empty() {
        return Some(nested);
    }
    inside(nested, rest)
}
