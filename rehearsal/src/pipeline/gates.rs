//! Who may enter a stage when executions meet: the three modes, decided without any clock.

use std::collections::{BTreeSet, VecDeque};

use super::definition::Mode;

/// The stages of a pipeline, as their gates see them.
#[derive(Debug)]
pub(super) struct Gates {
    mode: Mode,
    stages: Vec<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    inside: BTreeSet<String>,
    waiting: VecDeque<String>,
    last: Option<String>,
}

impl Gates {
    pub(super) fn new(mode: Mode, stages: usize) -> Self {
        let stages = std::iter::repeat_with(Gate::default).take(stages).collect();
        Self { mode, stages }
    }

    /// An execution comes to a stage: it is inside at once where nobody is before it, else it waits.
    /// Answers those whose place in front of the stage that takes.
    pub(super) fn arrive(&mut self, stage: usize, execution: &str) -> Vec<String> {
        let mode = self.mode;
        let Some(gate) = self.stages.get_mut(stage) else {
            return Vec::new();
        };
        let overtaken = match mode {
            Mode::Superseded => gate.waiting.drain(..).collect(),
            Mode::Queued | Mode::Parallel => Vec::new(),
        };
        gate.waiting.push_back(execution.to_owned());
        gate.let_in(mode);
        overtaken
    }

    /// Whether an execution that has come to a stage is inside, and may begin.
    pub(super) fn enter(&mut self, stage: usize, execution: &str) -> bool {
        let Some(gate) = self.stages.get_mut(stage) else {
            return true;
        };
        if !gate.inside.contains(execution) {
            return false;
        }
        gate.last = Some(execution.to_owned());
        true
    }

    /// An execution is done with a stage, or waits for it no more; the next one is inside.
    pub(super) fn leave(&mut self, stage: usize, execution: &str) {
        if let Some(gate) = self.stages.get_mut(stage) {
            gate.inside.remove(execution);
            gate.waiting.retain(|waiting| waiting != execution);
            gate.let_in(self.mode);
        }
    }

    /// Those that wait before a stage, first come first.
    pub(super) fn waiting(&self, stage: usize) -> Vec<String> {
        let gate = self.stages.get(stage);
        gate.into_iter()
            .flat_map(|gate| gate.waiting.iter().cloned())
            .collect()
    }

    /// One that is in a stage.
    pub(super) fn inside(&self, stage: usize) -> Option<&String> {
        self.stages.get(stage)?.inside.first()
    }

    /// Who has been in a stage after this execution, if it may not be retried there any more.
    pub(super) fn followed_by(&self, stage: usize, execution: &str) -> Option<&String> {
        let last = self.stages.get(stage)?.last.as_ref()?;
        (self.mode != Mode::Parallel && last != execution).then_some(last)
    }
}

impl Gate {
    fn let_in(&mut self, mode: Mode) {
        while mode == Mode::Parallel || self.inside.is_empty() {
            let Some(first) = self.waiting.pop_front() else {
                return;
            };
            self.inside.insert(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // rules: 3.2.11
    #[test]
    fn queued_executions_go_in_their_order() {
        let mut gates = Gates::new(Mode::Queued, 1);
        for id in ["a", "b", "c"] {
            assert!(gates.arrive(0, id).is_empty());
        }
        assert!(!gates.enter(0, "b"), "a came first");
        assert!(gates.enter(0, "a"));
        assert!(!gates.enter(0, "b"), "a is inside");
        gates.leave(0, "a");
        assert!(!gates.enter(0, "c"), "b came first");
        assert!(gates.enter(0, "b"));
        assert_eq!(gates.waiting(0), ["c"]);
        assert_eq!(gates.followed_by(0, "a").unwrap(), "b");
        assert_eq!(gates.followed_by(0, "b"), None);
    }

    // rules: 3.2.11
    #[test]
    fn a_newer_execution_takes_the_place_of_one_that_waits() {
        let mut gates = Gates::new(Mode::Superseded, 1);
        assert!(gates.arrive(0, "a").is_empty() && gates.enter(0, "a"));
        assert!(gates.arrive(0, "b").is_empty(), "who is inside stays");
        assert_eq!(gates.arrive(0, "c"), ["b"]);
        assert!(!gates.enter(0, "c"));
        gates.leave(0, "a");
        assert!(!gates.enter(0, "b") && gates.enter(0, "c"));
    }

    // rules: 3.2.11
    #[test]
    fn only_those_that_wait_are_overtaken() {
        let mut gates = Gates::new(Mode::Superseded, 2);
        assert!(gates.arrive(0, "a").is_empty());
        assert!(gates.arrive(0, "b").is_empty(), "a is inside, and stays");
        assert_eq!(gates.waiting(0), ["b"]);
        gates.leave(0, "a");
        assert!(gates.arrive(0, "c").is_empty(), "b is inside by now");
        assert!(gates.enter(0, "b") && !gates.enter(0, "c"));
    }

    // rules: 3.2.11
    #[test]
    fn parallel_executions_do_not_wait() {
        let mut gates = Gates::new(Mode::Parallel, 1);
        for id in ["a", "b"] {
            assert!(gates.arrive(0, id).is_empty() && gates.enter(0, id));
        }
        assert_eq!(gates.followed_by(0, "a"), None);
    }

    #[test]
    fn who_leaves_the_queue_holds_nobody_up() {
        let mut gates = Gates::new(Mode::Queued, 1);
        gates.arrive(0, "a");
        gates.arrive(0, "b");
        gates.leave(0, "a");
        assert!(gates.enter(0, "b"));
    }
}
