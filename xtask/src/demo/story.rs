//! The story: twelve steps, each told, done and checked.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;

use super::screen::{Row, Screen};
use super::stage::{BROKEN, Stage, Unusual};
use crate::interrupt;

/// A tag that nobody pushed.
const MISSING: &str = "v9";
/// What the role's trust policy does not ask for.
const WRONG_ID: &str = "somebody-else";

/// Tells it; a step that does not come out as told is in its row, and the story goes on.
pub(super) fn tell(screen: &Screen, stage: &Stage) -> Result<Vec<Row>> {
    let mut teller = Teller {
        screen,
        stage,
        rows: Vec::new(),
    };
    let (own, other) = (&stage.own, &stage.other);
    let serves = match stage.engine() {
        Some(_) => "v2 serves there, proven by its digest",
        None => "ECS is to run v2 there, by its digest",
    };

    let intro = "The service web is in ap-southeast-2, twice: in account 111111111111, where the \
                 pipeline is, too, and in account 333333333333.";
    teller.step("v1 runs", intro, |teller| {
        teller.serves(own, "v1")?;
        teller.serves(other, "v1")?;
        Ok("v1 in both accounts".to_owned())
    })?;

    let intro = "The pipeline is in us-east-1, the service in ap-southeast-2. The account is the \
                 same, so the function works under its own role.";
    teller.step("v2 in another region", intro, |teller| {
        teller.released(own, "v2")?;
        Ok(serves.to_owned())
    })?;

    let intro = "Now to account 333333333333: there the function assumes the role \
                 redbutton-rollout, whose trust policy asks for an external id.";
    teller.step("v2 in another account", intro, |teller| {
        teller.released(other, "v2")?;
        Ok(serves.to_owned())
    })?;

    let intro = "v3 has a typo in a setting (PORT=eighty), so its process ends as soon as it \
                 starts. The pipeline has to fail and to say why; visitors must not notice.";
    if stage.engine().is_some() {
        teller.step("v3 cannot start", intro, |teller| {
            teller.rolled_back(other, BROKEN, "v2")?;
            Ok("failed with the reason, exit code 1; v2 serves on".to_owned())
        })?;
    } else {
        teller.left_out(
            "v3 cannot start",
            "Without containers nothing can fail to start.",
        );
    }

    let intro = "The build names a tag that was never pushed.";
    teller.step("v9 does not exist", intro, |teller| {
        teller.refused(other, MISSING, &Unusual::default(), "", &[MISSING])?;
        Ok("refused before anything was changed".to_owned())
    })?;

    let intro = "A new run of the pipeline releases what serves already.";
    teller.step("v2 once more", intro, |teller| {
        teller.unchanged(other, "v2")?;
        Ok("nothing was changed; v2 is there already".to_owned())
    })?;

    let intro = "The rollout file has an external id that the role's trust policy does not know.";
    teller.step("wrong external id", intro, |teller| {
        let says = ["trust policy", WRONG_ID];
        let unusual = Unusual {
            external_id: Some(WRONG_ID),
            ..Unusual::default()
        };
        teller.refused(other, "v2", &unusual, "PermissionError", &says)?;
        Ok("denied, and told what to check".to_owned())
    })?;

    tell_of_the_stack(&mut teller)?;
    tell_of_the_release(&mut teller)?;
    Ok(teller.rows)
}

/// A service that belongs to a CloudFormation stack.
fn tell_of_the_stack(teller: &mut Teller<'_>) -> Result<()> {
    let shop = &teller.stage.shop;
    let intro = "The service shop in account 333333333333 belongs to a CloudFormation stack. Its \
                 template and its parameters are in the build's artifact; the release hands it the \
                 new image, by its digest.";
    teller.step("v2 through a stack", intro, |teller| {
        teller.released(shop, "v2")?;
        Ok("the stack is updated, and its service serves v2".to_owned())
    })?;

    let intro = "The same with v3, which ends as soon as it starts.";
    if teller.stage.engine().is_some() {
        teller.step("v3 through a stack", intro, |teller| {
            teller.rolled_back(shop, BROKEN, "v2")?;
            Ok("failed with the reason; template, parameters and v2 are back".to_owned())
        })?;
    } else {
        teller.left_out(
            "v3 through a stack",
            "Without containers nothing can fail to start.",
        );
    }

    let intro = "Somebody renames the service in the parameters' file. CloudFormation would make a \
                 new service and delete the one that serves.";
    teller.step("a replacement", intro, |teller| {
        let unusual = Unusual {
            parameter: Some(("ServiceName", "store")),
            ..Unusual::default()
        };
        let says = ["Service (AWS::ECS::Service", "\"allowReplacement\""];
        teller.refused(shop, "v2", &unusual, "", &says)?;
        Ok("refused before anything was changed, with the list".to_owned())
    })
}

/// What was tested and approved goes to the production account, which nothing here can roll out to.
fn tell_of_the_release(teller: &mut Teller<'_>) -> Result<()> {
    let (test, production) = (&teller.stage.other, &teller.stage.production);
    let intro = "A whole pipeline, that of examples/pipeline: build, approval, rollout to test in \
                 333333333333, preview of production, approval, and the release. It goes from \
                 us-east-1, account 111111111111, to ap-southeast-2, account 222222222222, by a role \
                 that may add releases there and do nothing else. There it passes the gate, and is \
                 deployed; only then the pipeline is green.";
    teller.step("a release for production", intro, |teller| {
        teller.carried(test, production, "v2")?;
        teller.serves(production, "v2")?;
        Ok("arrived, verified, deployed; v2 serves in production".to_owned())
    })?;

    let intro = "Now an administrator of the production account tries to delete what arrived, and to \
                 write over it.";
    teller.step("a release stays", intro, |teller| {
        teller.stays()?;
        Ok("denied; it is written once".to_owned())
    })
}

/// Who tells it: what a step does and checks is in `scene`.
pub(super) struct Teller<'a> {
    pub(super) screen: &'a Screen,
    pub(super) stage: &'a Stage,
    rows: Vec<Row>,
}

impl Teller<'_> {
    /// A step: `act` does it, and says in a few words what came of it.
    fn step(
        &mut self,
        step: &str,
        intro: &str,
        act: impl FnOnce(&Self) -> Result<String>,
    ) -> Result<()> {
        interrupt::check()?;
        self.title(step);
        self.screen.say(intro);
        self.stage.rehearsal.proxy().reset();
        let began = Instant::now();
        let acted = act(self);
        interrupt::check()?;
        let time = Some(began.elapsed());
        let calls = self.calls();
        if !calls.is_empty() {
            self.screen.fact("AWS calls", &counted(&calls));
        }
        let failed = acted.is_err();
        let happened = acted.unwrap_or_else(|error| {
            self.screen
                .fact("FAILED", "this step did not do what the story says:");
            self.screen.quote(&format!("{error:#}"));
            "see above".to_owned()
        });
        self.rows.push(Row {
            step: step.to_owned(),
            happened,
            calls: calls.len(),
            time,
            failed,
        });
        Ok(())
    }

    fn left_out(&mut self, step: &str, why: &str) {
        self.title(step);
        self.screen.say(&format!("Left out. {why}"));
        self.rows.push(Row {
            step: step.to_owned(),
            happened: "left out: it needs containers".to_owned(),
            calls: 0,
            time: None,
            failed: false,
        });
    }

    fn title(&self, step: &str) {
        let number = self.rows.len() + 1;
        self.screen.title(&format!("{number}  {step}"));
    }

    /// The function's calls, but for the one that a cold start makes while nobody waits.
    pub(super) fn calls(&self) -> Vec<String> {
        let calls = self.stage.rehearsal.proxy().calls();
        calls
            .iter()
            .map(|call| format!("{}:{}", call.service, call.operation))
            .filter(|call| call != "sts:GetCallerIdentity")
            .collect()
    }
}

/// `3: s3:GetObject, ecs:DescribeServices ×2`, in the order of their first.
fn counted(calls: &[String]) -> String {
    let mut seen = BTreeSet::new();
    let first = calls.iter().filter(|call| seen.insert(call.as_str()));
    let texts: Vec<String> = first
        .map(
            |call| match calls.iter().filter(|other| *other == call).count() {
                1 => call.clone(),
                count => format!("{call} ×{count}"),
            },
        )
        .collect();
    format!("{}: {}", calls.len(), texts.join(", "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn calls_are_counted_in_their_order() {
        let calls = ["s3:GetObject", "ecs:A", "s3:GetObject"].map(str::to_owned);
        assert_eq!(super::counted(&calls), "3: s3:GetObject ×2, ecs:A");
    }
}
