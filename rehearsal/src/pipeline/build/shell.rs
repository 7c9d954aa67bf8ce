//! Runs the commands of a phase in one shell, and learns what it leaves: its environment and folder
//! go on into the next phase.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// Variables that each shell sets itself.
const OWN: [&str; 5] = ["_", "SHLVL", "PWD", "OLDPWD", "redbutton_status"];

/// What a shell starts with and leaves.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) folder: PathBuf,
}

/// Who hears of a shell.
pub(super) struct Listener<'a> {
    /// Each line that it writes.
    pub(super) line: &'a (dyn Fn(&str) + Sync),
    /// The process group that it is; whoever wants its end kills that.
    pub(super) started: &'a dyn Fn(Pid),
    /// It has ended.
    pub(super) ended: &'a dyn Fn(Pid),
}

/// Runs commands one after the other until one fails; answers whether all went well, and what is
/// left. `exit` ends the phase, not more.
pub(super) fn run(
    shell: &str,
    commands: &[String],
    state: &State,
    scratch: &Path,
    listener: &Listener<'_>,
) -> Result<(bool, State)> {
    fs::create_dir_all(scratch).with_context(|| format!("create {}", scratch.display()))?;
    let left = Left {
        environment: scratch.join("environment"),
        folder: scratch.join("folder"),
    };
    let script = scratch.join("commands.sh");
    fs::write(&script, text(commands, &left)).context("write the commands of a phase")?;
    let (reader, writer) = std::io::pipe().context("make a pipe")?;
    let mut command = Command::new(shell);
    command
        .arg(&script)
        .current_dir(&state.folder)
        .env_clear()
        .envs(&state.environment)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("share a pipe")?)
        .stderr(writer)
        .process_group(0);
    let spawned = command.spawn();
    // The command holds the pipe's writing end; the reading would never end.
    drop(command);
    let mut child = spawned.with_context(|| format!("start {shell}"))?;
    let group = Pid::from_child(&child);
    (listener.started)(group);
    let line = listener.line;
    let status = std::thread::scope(|scope| {
        scope.spawn(move || {
            let lines = BufReader::new(reader).split(b'\n');
            for bytes in lines.map_while(std::io::Result::ok) {
                line(String::from_utf8_lossy(&bytes).trim_end_matches('\r'));
            }
        });
        let status = child.wait().context("wait for the end of a phase");
        // What it left in the background holds the pipe open.
        let _ = kill_process_group(group, Signal::KILL);
        status
    });
    (listener.ended)(group);
    Ok((status?.success(), left.read(state)))
}

/// Where a shell leaves what it leaves.
struct Left {
    environment: PathBuf,
    folder: PathBuf,
}

impl Left {
    /// A shell that was killed leaves nothing: all is as it was.
    fn read(&self, before: &State) -> State {
        let environment = fs::read(&self.environment).ok().map(|bytes| {
            let entries = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            let pairs = entries.filter_map(|entry| {
                let (name, value) = entry.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            });
            pairs
                .filter(|(name, _)| !OWN.contains(&name.as_str()))
                .collect()
        });
        let folder = fs::read_to_string(&self.folder)
            .ok()
            .map(|text| PathBuf::from(text.trim_end_matches('\n')));
        State {
            environment: environment.unwrap_or_else(|| before.environment.clone()),
            folder: folder
                .filter(|folder| folder.is_dir())
                .unwrap_or_else(|| before.folder.clone()),
        }
    }
}

/// The script: variables are exported without being told to, so that they can be carried over; what
/// is left is written however the shell ends.
fn text(commands: &[String], left: &Left) -> String {
    let place = |path: &Path| quoted(&path.to_string_lossy());
    let mut text = format!(
        "redbutton_leave() {{\nredbutton_status=$?\ntrap - EXIT\npwd > {}\nenv -0 > {}\n\
         exit $redbutton_status\n}}\ntrap redbutton_leave EXIT\nset -a\n",
        place(&left.folder),
        place(&left.environment),
    );
    for command in commands {
        let shown = quoted(&format!("$ {}", command.trim_end()));
        text.push_str(&format!("printf '%s\\n' {shown}\n{command}\n"));
        text.push_str(
            "redbutton_status=$?\n[ $redbutton_status -eq 0 ] || exit $redbutton_status\n",
        );
    }
    text
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Ran {
        well: bool,
        lines: Vec<String>,
        left: State,
    }

    fn check(commands: &[&str], more: impl Fn(&Ran)) {
        let folder = tempfile::tempdir().unwrap();
        let path = std::env::var("PATH").unwrap();
        let state = State {
            environment: [
                ("PATH".to_owned(), path),
                ("GIVEN".to_owned(), "a\nb".to_owned()),
            ]
            .into(),
            folder: folder.path().canonicalize().unwrap(),
        };
        let lines = Mutex::new(Vec::new());
        let listener = Listener {
            line: &|line| lines.lock().unwrap().push(line.to_owned()),
            started: &|_| {},
            ended: &|_| {},
        };
        let commands: Vec<String> = commands
            .iter()
            .map(|command| (*command).to_owned())
            .collect();
        let (well, left) =
            run("sh", &commands, &state, &folder.path().join("s"), &listener).unwrap();
        let lines = lines.into_inner().unwrap();
        more(&Ran { well, lines, left });
    }

    #[test]
    fn commands_share_a_shell_and_leave_what_they_set() {
        check(
            &[
                "A=one; mkdir sub",
                "cd sub\nB=\"$A two\"",
                "echo \"$B $GIVEN\" >&2",
            ],
            |ran| {
                assert!(ran.well);
                let expected = [
                    "$ A=one; mkdir sub",
                    "$ cd sub",
                    "B=\"$A two\"",
                    "$ echo \"$B $GIVEN\" >&2",
                    "one two a",
                    "b",
                ];
                assert_eq!(ran.lines, expected);
                assert_eq!(ran.left.environment["B"], "one two");
                assert_eq!(ran.left.environment["GIVEN"], "a\nb");
                assert!(ran.left.folder.ends_with("sub"));
                assert!(!ran.left.environment.contains_key("redbutton_status"));
            },
        );
    }

    #[test]
    fn the_first_failure_ends_it() {
        check(&["A=1", "false", "A=2"], |ran| {
            assert!(
                !ran.well && ran.left.environment["A"] == "1",
                "{:?}",
                ran.lines
            );
        });
        check(&["A=1; exit 0", "A=2"], |ran| {
            assert!(ran.well && ran.left.environment["A"] == "1");
        });
        check(&["false\ntrue"], |ran| {
            assert!(ran.well, "the last line of a command counts")
        });
        check(&["if"], |ran| assert!(!ran.well));
        check(&["kill -KILL $$"], |ran| {
            assert!(!ran.well && ran.left.environment["GIVEN"] == "a\nb")
        });
    }

    #[test]
    fn what_is_left_in_the_background_holds_nothing_up() {
        check(&["sleep 1000 &", "echo done"], |ran| assert!(ran.well));
    }
}
