//! The story: what a team does with its pipeline, each chapter told, done and checked.

use std::time::Instant;

use anyhow::Result;
use rehearsal::pipeline::Status;
use shared::ledger::Entry;

use super::cast::Step;
use super::screen::{Row, Screen};
use super::source::Commit;
use super::stage::Stage;
use crate::interrupt;

/// Who may approve for production, as the production account sees it.
const ADA: &str = "ada";
/// Who may press the same button in CodePipeline, and is none of them.
const MALLORY: &str = "mallory";
/// What is in every account before.
const V1: &str = "v1";

/// A chapter, as it was told and as it went.
pub(super) struct Chapter {
    pub(super) row: Row,
    /// What it is about.
    pub(super) intro: String,
    /// The pipeline's journey, where it ran.
    pub(super) journey: Option<Journey>,
    /// What was found, by name.
    pub(super) facts: Vec<(String, String)>,
}

impl Chapter {
    /// Whether somebody said no to an approval.
    fn was_rejected(&self) -> bool {
        let steps = self.journey.iter().flat_map(|journey| &journey.steps);
        let mut asked = steps.filter_map(|step| step.approval.as_ref());
        asked.any(|asked| !asked.approved)
    }
}

/// An execution of the pipeline.
pub(super) struct Journey {
    pub(super) commit: Commit,
    pub(super) execution: String,
    pub(super) status: Status,
    pub(super) steps: Vec<Step>,
}

/// Tells it; a chapter that does not come out as told is in its row, and the story goes on.
pub(super) fn tell<'a>(screen: &'a Screen, stage: &'a Stage) -> Result<(Vec<Chapter>, Vec<Entry>)> {
    let mut teller = Teller {
        screen,
        stage,
        chapters: Vec::new(),
        journey: None,
        facts: Vec::new(),
        released: Vec::new(),
    };
    let chapters: [fn(&mut Teller<'a>) -> Result<()>; 7] = [
        Teller::begins,
        Teller::a_release,
        Teller::a_broken_release,
        Teller::the_wrong_person,
        Teller::the_right_person,
        Teller::the_way_back,
        Teller::the_evidence,
    ];
    for tell in chapters {
        tell(&mut teller)?;
        if teller.chapters.last().is_some_and(Chapter::was_rejected) {
            screen.say("You said no, and the pipeline went no further. Neither does the story.");
            break;
        }
    }
    let ledger = teller.entries()?;
    Ok((teller.chapters, ledger))
}

/// Who tells it: what a chapter does and checks is in `scene`.
pub(super) struct Teller<'a> {
    pub(super) screen: &'a Screen,
    pub(super) stage: &'a Stage,
    chapters: Vec<Chapter>,
    /// Of the chapter under way.
    pub(super) journey: Option<Journey>,
    pub(super) facts: Vec<(String, String)>,
    /// What production served, oldest first: the image's tag.
    released: Vec<String>,
}

impl Teller<'_> {
    fn begins(&mut self) -> Result<()> {
        let intro = "The service web is in ap-southeast-2, twice: for tests in account 333333333333, in \
                     production in account 222222222222. Each belongs to a CloudFormation stack. The \
                     pipeline is in us-east-1, account 111111111111.";
        self.chapter("v1 runs", intro, |teller| {
            teller.serves(&teller.stage.test, V1)?;
            teller.serves(&teller.stage.production, V1)?;
            Ok("v1 in both accounts".to_owned())
        })
    }

    fn a_release(&mut self) -> Result<()> {
        let intro = "Ada changes the page. The build tests it and makes an image with a tag of its own. \
                     It is rolled out to test, with an acceptance task; the preview says what would change \
                     in production; ada approves; the release is signed, brought to production's account, \
                     verified there, and deployed. Only then the pipeline is green.";
        self.chapter("a release", intro, |teller| {
            let subject = "Greet visitors";
            let change = ("src/main.rs", "<h1>web <code>", "<h1>Welcome to web <code>");
            let tag = teller.green(teller.commit(subject, change)?)?;
            Ok(format!("{tag} serves in production"))
        })
    }

    fn a_broken_release(&mut self) -> Result<()> {
        let intro = "The next commit has a typo in a setting (PORT=eighty): all tests pass, and the process \
                     ends as soon as it starts. The pipeline has to fail and to say why, visitors must not \
                     notice, and production must not hear of it.";
        let title = "a broken release";
        if self.stage.engine().is_none() {
            self.left_out(title, "Without containers nothing can fail to start.");
            return Ok(());
        }
        self.chapter(title, intro, |teller| {
            let subject = "Read the port from the image";
            let change = ("Dockerfile", "EXPOSE 8080", "EXPOSE 8080\nENV PORT=eighty");
            let before = teller.newest()?;
            teller.goes_back(teller.commit(subject, change)?, &before)?;
            teller.serves(&teller.stage.production, &before)?;
            Ok(format!(
                "red, with exit code 1; {before} serves on, in both accounts"
            ))
        })
    }

    fn the_wrong_person(&mut self) -> Result<()> {
        let intro = "A good commit again. This time mallory presses the button for production: an \
                     administrator of the pipeline's account, who may approve whatever they like in \
                     CodePipeline. Whom production believes is written down in production.";
        self.chapter("the wrong person approves", intro, |teller| {
            let dockerfile = teller.stage.source.read("Dockerfile")?;
            let (subject, change) = match dockerfile.contains("PORT=eighty") {
                true => (
                    "Let the port be as it was",
                    ("Dockerfile", "\nENV PORT=eighty", ""),
                ),
                false => (
                    "Name the web",
                    ("src/main.rs", "Welcome to web", "Welcome to the web"),
                ),
            };
            let before = teller.newest()?;
            let commit = teller.commit(subject, change)?;
            teller.refused(commit, MALLORY)?;
            teller.serves(&teller.stage.production, &before)?;
            Ok(format!(
                "refused by production's gate; {before} serves on there"
            ))
        })
    }

    fn the_right_person(&mut self) -> Result<()> {
        let intro = "The same commit once more, and ada approves.";
        self.chapter("the right person approves", intro, |teller| {
            let commit = teller.stage.source.head()?;
            let tag = teller.green(commit)?;
            Ok(format!("{tag} serves in production"))
        })
    }

    fn the_way_back(&mut self) -> Result<()> {
        let intro = "Something is wrong with it after all. Nothing is built, tested or copied again: the \
                     release before lies in production's bucket, whole, signed and approved.";
        self.chapter("back, by one line", intro, |teller| {
            let [.., before, _] = teller.released.as_slice() else {
                anyhow::bail!("production has served no two releases");
            };
            let before = before.clone();
            teller.rollback()?;
            teller.serves(&teller.stage.production, &before)?;
            teller.released.push(before.clone());
            Ok(format!("{before} serves in production again"))
        })
    }

    fn the_evidence(&mut self) -> Result<()> {
        let intro = "What was done in production is in a ledger that is chained by hashes. From what runs it \
                     leads back to the commit. An administrator of the production account tries to delete \
                     a release, and to write over it.";
        self.chapter("the evidence", intro, |teller| {
            teller.ledger()?;
            let serves = teller.newest()?;
            teller.why(&serves)?;
            teller.stays()?;
            Ok("whole; it leads to the commit; nobody can change it".to_owned())
        })
    }

    /// Release `commit` to production, approved by ada; the image's tag, which serves in both accounts.
    fn green(&mut self, commit: Commit) -> Result<String> {
        let tag = self.run(commit, ADA, Status::Succeeded)?;
        self.serves(&self.stage.test, &tag)?;
        self.serves(&self.stage.production, &tag)?;
        self.released.push(tag.clone());
        Ok(tag)
    }

    fn commit(&self, subject: &str, (file, old, new): (&str, &str, &str)) -> Result<Commit> {
        self.stage.source.commit(subject, file, old, new)
    }

    /// What production serves.
    fn newest(&self) -> Result<String> {
        let newest = self.released.last().map_or(V1, String::as_str);
        self.on(&self.stage.production, newest)?;
        Ok(newest.to_owned())
    }

    /// A chapter: `act` does it, and says in a few words what came of it.
    fn chapter(
        &mut self,
        title: &str,
        intro: &str,
        act: impl FnOnce(&mut Self) -> Result<String>,
    ) -> Result<()> {
        interrupt::check()?;
        self.title(title);
        self.screen.say(intro);
        self.stage.rehearsal.proxy().reset();
        let began = Instant::now();
        let acted = act(self);
        interrupt::check()?;
        let time = Some(began.elapsed());
        let calls = self.calls();
        let row = Row {
            step: title.to_owned(),
            happened: String::new(),
            calls,
            time,
            failed: false,
        };
        self.add(intro, row);
        let Some(chapter) = self.chapters.last_mut() else {
            return Ok(());
        };
        chapter.row.happened = match acted {
            Ok(happened) => happened,
            Err(_) if chapter.was_rejected() => "you said no".to_owned(),
            Err(error) => {
                self.screen
                    .fact("FAILED", "this step did not do what the story says:");
                self.screen.quote(&format!("{error:#}"));
                chapter.row.failed = true;
                format!("{error:#}")
            }
        };
        Ok(())
    }

    fn left_out(&mut self, title: &str, why: &str) {
        self.title(title);
        self.screen.say(&format!("Left out. {why}"));
        let row = Row {
            step: title.to_owned(),
            happened: "left out: it needs containers".to_owned(),
            calls: 0,
            time: None,
            failed: false,
        };
        self.add(why, row);
    }

    fn add(&mut self, intro: &str, row: Row) {
        self.chapters.push(Chapter {
            row,
            intro: intro.to_owned(),
            journey: self.journey.take(),
            facts: std::mem::take(&mut self.facts),
        });
    }

    fn title(&self, title: &str) {
        let number = self.chapters.len() + 1;
        self.screen.title(&format!("{number}  {title}"));
    }

    /// How many calls of AWS the functions made, but for the one that a cold start makes while nobody
    /// waits.
    fn calls(&self) -> usize {
        let calls = self.stage.rehearsal.proxy().calls();
        let counted = calls
            .iter()
            .filter(|call| call.operation != "GetCallerIdentity");
        counted.count()
    }
}
