//! What commands leave to each other, and how each of them ends.

use super::*;
use rustix::process::test_kill_process;
use std::cell::RefCell;

const LONG: Duration = Duration::from_secs(60);

struct Ran {
    ends: Vec<End>,
    lines: Vec<String>,
    left: State,
}

fn check(shell: &str, patience: Duration, commands: &[&str], more: impl Fn(&Ran)) {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var("PATH").unwrap();
    let given = [("PATH", path.as_str()), ("GIVEN", "a\nb")];
    let mut left = State {
        environment: given.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        folder: folder.path().canonicalize().unwrap(),
    };
    let lines = RefCell::new(Vec::new());
    let listener = Listener {
        line: &|line| lines.borrow_mut().push(line.to_owned()),
        started: &|| {},
    };
    let mut shells = Shells::start(shell, &folder.path().join("it's")).unwrap();
    let deadline = Instant::now() + patience;
    let mut ends = Vec::new();
    for command in commands {
        let end;
        (end, left) = shells.run(command, &left, deadline, &listener).unwrap();
        ends.push(end);
    }
    let lines = lines.take();
    more(&Ran { ends, lines, left });
}

#[test]
fn commands_leave_what_they_set_to_the_next() {
    let commands = [
        "A=one; mkdir sub",
        "cd sub\nB=\"$A two\"",
        "echo \"$B $GIVEN\" >&2; printf end",
    ];
    check("sh", LONG, &commands, |ran| {
        assert_eq!(ran.ends, [End::Well; 3]);
        let expected = [
            "$ A=one; mkdir sub",
            "$ cd sub",
            "B=\"$A two\"",
            "$ echo \"$B $GIVEN\" >&2; printf end",
            "one two a",
            "b",
            "end",
        ];
        assert_eq!(ran.lines, expected);
        assert_eq!(ran.left.environment["B"], "one two");
        assert_eq!(ran.left.environment["GIVEN"], "a\nb");
        assert!(ran.left.folder.ends_with("sub"));
        assert!(!ran.left.environment.contains_key("redbutton_status"));
    });
}

#[test]
fn each_command_has_a_shell_and_an_end_of_its_own() {
    let of = |command: &str, expected: End| {
        for shell in ["sh", "bash"] {
            check(shell, LONG, &["A=1", command], |ran| {
                assert_eq!(ran.ends[1], expected, "{command}: {:?}", ran.lines);
                assert_eq!(ran.left.environment["A"], "1", "{command}");
            });
        }
    };
    of("false", End::Failed);
    of("exit 3", End::Failed);
    of("exit 0", End::Well);
    of("false\ntrue", End::Well);
    of("set -e\nfalse\ntrue", End::Failed);
    of("if", End::Failed);
    of("kill -KILL $$", End::Failed);
    of("exec false", End::Failed);
    // Neither swallows what comes after it.
    of("false \\", End::Failed);
    of("false <<X", End::Failed);
    of("trap 'echo bye' EXIT; exit 4", End::Failed);
    of("trap 'echo bye' EXIT; false", End::Failed);
}

#[test]
fn functions_stay_and_variables_go_on() {
    let commands = ["f() { true; }; B=2; exit 0", "! f && test $B = 2"];
    for shell in ["sh", "bash"] {
        check(shell, LONG, &commands, |ran| {
            assert_eq!(ran.ends, [End::Well; 2], "{:?}", ran.lines);
        });
    }
}

#[test]
fn a_lost_path_loses_nothing_else() {
    let commands = ["export PATH=/nowhere", "test \"$GIVEN\" && ! ls"];
    check("sh", LONG, &commands, |ran| {
        assert_eq!(ran.ends, [End::Well; 2], "{:?}", ran.lines);
        assert_eq!(ran.left.environment["PATH"], "/nowhere");
    });
}

#[test]
fn an_environment_that_says_nothing_is_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let left = Left {
        environment: folder.path().join("environment"),
        folder: folder.path().join("folder"),
    };
    fs::write(&left.environment, "").unwrap();
    let before = State {
        environment: [("A".to_owned(), "1".to_owned())].into(),
        folder: folder.path().to_owned(),
    };
    assert_eq!(left.read(&before).environment["A"], "1");
}

fn pid(ran: &Ran) -> Pid {
    let said = ran.lines.iter().find_map(|line| line.strip_prefix("pid "));
    Pid::from_raw(said.unwrap().parse().unwrap()).unwrap()
}

#[test]
fn what_is_in_the_background_lives_as_long_as_the_build() {
    let commands = ["sleep 600 & P=$!; echo pid $P", "kill -0 $P"];
    let background = RefCell::new(None);
    check("sh", LONG, &commands, |ran| {
        assert_eq!(ran.ends, [End::Well; 2], "{:?}", ran.lines);
        *background.borrow_mut() = Some(pid(ran));
    });
    let background = background.take().unwrap();
    let deadline = Instant::now() + LONG;
    while test_kill_process(background).is_ok() {
        assert!(Instant::now() < deadline, "it outlives the build");
        std::thread::yield_now();
    }
}

#[test]
fn what_left_the_group_holds_nothing_up() {
    let commands = ["setsid sleep 600 & echo pid $!", "true"];
    check("sh", LONG, &commands, |ran| {
        assert_eq!(ran.ends, [End::Well; 2], "{:?}", ran.lines);
        let _ = rustix::process::kill_process(pid(ran), Signal::KILL);
    });
}

#[test]
fn what_is_late_is_ended() {
    check("sh", Duration::from_millis(200), &["sleep 600"], |ran| {
        assert_eq!(ran.ends, [End::Late]);
    });
}
