//! All stack targets read, with what the artifacts have for them; nothing is written but a long
//! template into its bucket.

use std::collections::BTreeMap;

use aws::cloudformation::{stack, template as templates};
use futures_util::future::join_all;
use shared::error::Failure;
use shared::rollout::{State, report};
use shared::rollout_file::Place;
use shared::rollout_file::images::ImageFile;
use shared::rollout_file::stack::{Parameters, StackTarget, Written};
use shared::stack::parameters::{self, declared_by};
use shared::stack::{LONGEST_BODY_BYTES, Summary, standing};

use super::begun::begun;
use super::template::{self, Template};
use super::{Made, Planned};
use crate::artifacts::Artifacts;
use crate::decide::{self, Given};
use crate::findings::Findings;
use crate::{End, Purpose, Work, passing};

/// What reading all stacks came to.
pub(crate) enum Read {
    /// Stacks to be changed, and those that an earlier delivery of the job began; what is wrong is among
    /// the findings.
    All(Vec<Planned>, Vec<Made>),
    /// Somebody else is at work on one of them.
    Busy(String),
}

/// Reads all stack targets and what the artifacts have for them.
pub(crate) async fn read(
    work: &Work<'_>,
    state: &State,
    artifacts: &mut Artifacts<'_>,
    images: &[ImageFile],
    findings: &mut Findings,
) -> Result<Read, Failure> {
    let mut wishes = Vec::new();
    for (n, end) in work.ends.iter().enumerate() {
        let Some(target) = end.target.stack() else {
            continue;
        };
        let files = files(target, artifacts).await?;
        let given = decide::given(target, &files).unwrap_or_else(|wrongs| {
            findings.add(n, wrongs);
            Given::default()
        });
        let text = match target
            .template
            .as_ref()
            .map(|place| (place, files.get(place)))
        {
            Some((place, Some(bytes))) => {
                template::text(place, bytes, target).unwrap_or_else(|wrong| {
                    findings.add(n, vec![wrong]);
                    None
                })
            }
            _ => None,
        };
        wishes.push((n, target, given, text));
    }
    if wishes.is_empty() {
        return Ok(Read::All(Vec::new(), Vec::new()));
    }
    if work.purpose == (Purpose::RollOut { state_bucket: None }) {
        findings.general(vec![
            "this function has no bucket for what stacks were before (STATE_BUCKET): deploy the \
             template.yaml of this version"
                .to_owned(),
        ]);
    }
    // A preview tells of everything at once; a rollout has seen enough.
    if work.purpose != Purpose::Preview {
        findings.done()?;
    }
    let wrong = |n: usize| findings.all().iter().any(|found| found.n == Some(n));
    wishes.retain(|(n, ..)| !wrong(*n));
    let each = wishes
        .into_iter()
        .map(|(n, target, given, text)| async move {
            let Some(end) = work.ends.get(n) else {
                return Ok(One::Wrong(n, Vec::new()));
            };
            let wish = Wish {
                n,
                target,
                given,
                text,
            };
            one(work, state, end, wish, images).await
        });
    let (mut planned, mut begun) = (Vec::new(), Vec::new());
    for one in join_all(each).await {
        match one? {
            One::Good(good) => planned.push(*good),
            One::Begun(made) => begun.push(*made),
            One::Wrong(n, wrongs) => findings.add(n, wrongs),
            One::Unseen(n, text) => findings.unseen(n, text),
            One::Busy(text) => return Ok(Read::Busy(text)),
        }
    }
    Ok(Read::All(planned, begun))
}

/// The files of the artifacts that a target names.
async fn files(
    target: &StackTarget,
    artifacts: &mut Artifacts<'_>,
) -> Result<BTreeMap<Place, Vec<u8>>, Failure> {
    let mut places: Vec<&Place> = target.template.iter().collect();
    match &target.parameters {
        Parameters::File(place) => places.push(place),
        Parameters::Inline(values) => {
            places.extend(values.iter().filter_map(|(_, written)| match written {
                Written::FromFile(place, _) => Some(place),
                Written::Text(_) => None,
            }));
        }
    }
    let mut files = BTreeMap::new();
    for place in places {
        if !files.contains_key(place) {
            files.insert(place.clone(), artifacts.required(place).await?);
        }
    }
    Ok(files)
}

enum One {
    Good(Box<Planned>),
    Begun(Box<Made>),
    Wrong(usize, Vec<String>),
    Unseen(usize, String),
    Busy(String),
}

/// Why a long template cannot be previewed.
fn unseen(size: usize, why: &str) -> String {
    format!(
        "what would change cannot be shown: the template has {size} bytes, over {LONGEST_BODY_BYTES} \
         CloudFormation reads it from \"templateBucket\", and a preview writes nothing there ({why})"
    )
}

/// What the rollout file and the artifacts want of a stack.
struct Wish<'a> {
    n: usize,
    target: &'a StackTarget,
    given: Given,
    text: Option<String>,
}

async fn one(
    work: &Work<'_>,
    state: &State,
    end: &End<'_>,
    wish: Wish<'_>,
    images: &[ImageFile],
) -> Result<One, Failure> {
    let Wish {
        n,
        target,
        given,
        text,
    } = wish;
    let file = &work.request.file;
    let failed = |error| end.failed(error);
    let reached = end.reached()?;
    let client = reached.cloudformation();
    let found = stack::describe(&client, &target.stack)
        .await
        .map_err(failed)?;
    if let Some(stack) = &found
        && let Some(watch) = begun(&client, &target.stack, stack, state, n)
            .await
            .map_err(failed)?
    {
        return Ok(One::Begun(Box::new(Made { n, watch })));
    }
    let region = end.target.region.as_str();
    let standing = standing::of(found.as_ref(), &target.stack, region);
    let busy = match decide::standing(target, standing) {
        Ok(busy) => busy,
        Err(wrong) => return Ok(One::Wrong(n, vec![wrong])),
    };
    // A new stack has no parameters and no template that could be kept.
    let old = found.filter(|stack| stack.status != "REVIEW_IN_PROGRESS");
    if let Some(text) = busy {
        let place = report::place(end.placed());
        return Ok(One::Busy(format!("{place}: {text}")));
    }
    let mut wrongs = decide::role(target, old.as_ref(), &file.allow);
    let (taken, unfit) = parameters::images(&target.image_parameters, images);
    wrongs.extend(unfit);
    wrongs.extend(
        taken
            .iter()
            .flat_map(|(_, image)| decide::floating(image, &file.allow)),
    );
    let template = match text {
        Some(text) if work.purpose == Purpose::Preview => {
            let size = text.len();
            match Template::if_there(text, target, reached)
                .await
                .map_err(failed)?
            {
                Ok(template) => Some(template),
                Err(why) if wrongs.is_empty() => return Ok(One::Unseen(n, unseen(size, &why))),
                Err(_) => return Ok(One::Wrong(n, wrongs)),
            }
        }
        Some(text) => Some(Template::of(text, target, reached).await.map_err(failed)?),
        None if old.is_none() => {
            wrongs.push("the stack is new, so it needs a \"template\"".to_owned());
            return Ok(One::Wrong(n, wrongs));
        }
        None => None,
    };
    let declared = match &template {
        Some(template) => match templates::summary(&client, template.source()).await {
            Ok(summary) => summary,
            Err(error) if work.purpose == Purpose::Preview && !passing(&error) => {
                wrongs.push(failed(error).message);
                return Ok(One::Wrong(n, wrongs));
            }
            Err(error) => return Err(failed(error)),
        },
        None => Summary {
            parameters: old.as_ref().map(declared_by).unwrap_or_default(),
            ..Summary::default()
        },
    };
    let before = match (&template, &old) {
        (Some(template), Some(_)) => {
            let before = templates::original(&client, &target.stack).await;
            let before = before.map_err(failed)?;
            wrongs.extend(template::may_go_back(&before, target));
            decide::differs(&before, &template.text).then_some(before)
        }
        _ => None,
    };
    wrongs.extend(parameters::capabilities(&declared, &target.capabilities));
    let planned = Planned {
        n,
        stack: old,
        given,
        template,
        declared,
        images: taken,
        before,
    };
    wrongs.extend(
        planned
            .parameters(file.on_failure)
            .err()
            .into_iter()
            .flatten(),
    );
    Ok(if wrongs.is_empty() {
        One::Good(Box::new(planned))
    } else {
        One::Wrong(n, wrongs)
    })
}
