//! What strategies take by what is written down, against the deadlines (CONTRACTS 3.5.30).

use crate::rollout::seen::Service;
use crate::rollout_file::{OnFailure, RolloutFile};

/// Findings about time: what the strategies of a target and of all that it comes after take by
/// what is written down has to fit `timeoutMinutes` (CONTRACTS 3.5.30). As pairs of the target's
/// place and the finding.
pub fn times(file: &RolloutFile, services: &[&Service]) -> Vec<(usize, String)> {
    let mut findings = Vec::new();
    for (n, (target, service)) in file.targets.iter().zip(services).enumerate() {
        let (minutes, parts) = longest(file, services, n);
        let own = target.task().is_none() && of_strategy(service).0 > 0;
        if own && minutes > u64::from(file.timeout_minutes) {
            findings.push((
                n,
                format!(
                    "by its deployment strategy it is done after {minutes} minutes ({}), and \
                     timeoutMinutes is {}: raise it (at most 1260), or shorten the strategy",
                    parts.join(" + "),
                    file.timeout_minutes
                ),
            ));
        }
        // Alone, it goes back before it has finished: at once. After others it may have finished.
        let (minutes, parts) = of_strategy(service);
        let goes_back = file.targets.len() > 1 && file.on_failure == OnFailure::Rollback;
        if own && goes_back && minutes > u64::from(file.rollback_minutes) {
            findings.push((
                n,
                format!(
                    "when another target fails after this one has finished, its deployment \
                     strategy takes {minutes} minutes once more to go back ({}), and \
                     rollbackMinutes is {}: raise it, or shorten the strategy",
                    parts.join(" + "),
                    file.rollback_minutes
                ),
            ));
        }
    }
    findings
}

/// Minutes until a target is done, by the longest way that leads to it, and their parts.
fn longest(file: &RolloutFile, services: &[&Service], n: usize) -> (u64, Vec<String>) {
    let target = file.targets.get(n);
    let before = target.into_iter().flat_map(|target| &target.after);
    let (mut minutes, mut parts) = before
        .map(|before| longest(file, services, *before))
        .max_by_key(|(minutes, _)| *minutes)
        .unwrap_or_default();
    let is_service = target.is_some_and(|target| target.task().is_none());
    if let Some(service) = services.get(n).filter(|_| is_service) {
        let (own, own_parts) = of_strategy(service);
        minutes += own;
        parts.extend(own_parts);
    }
    (minutes, parts)
}

/// Minutes of steps, bakes and pauses, and what they are.
fn of_strategy(service: &Service) -> (u64, Vec<String>) {
    let strategy = &service.strategy;
    let mut parts: Vec<(String, u64)> = Vec::new();
    if let Some((percent, minutes)) = strategy.linear {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "3 to 100 percent a step are 1 to 34 steps"
        )]
        let steps = (100.0 / percent.clamp(1.0, 100.0)).ceil() as u64;
        let between = steps.saturating_sub(1);
        parts.push((
            format!("{between} × {minutes} between steps"),
            between * u64::from(minutes),
        ));
    }
    if let Some(minutes) = strategy.canary_minutes {
        parts.push((format!("{minutes} canary"), minutes.into()));
    }
    if strategy.bake_minutes > 0 {
        let minutes = strategy.bake_minutes;
        parts.push((format!("{minutes} bake"), minutes.into()));
    }
    for (stage, minutes) in &strategy.pauses {
        parts.push((format!("{minutes} pause at {stage}"), (*minutes).into()));
    }
    let minutes = parts.iter().map(|(_, minutes)| minutes).sum();
    (minutes, parts.into_iter().map(|(part, _)| part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::seen::Strategy;
    use serde_json::json;

    // rules: 3.5.15 3.5.30
    #[test]
    fn what_cannot_fit_the_deadline_is_refused_with_the_sum() {
        let file = |timeout: u32| {
            RolloutFile::from_value(&json!({
                "targets": [
                    {"service": "api", "cluster": "test"},
                    {"service": "web", "cluster": "test", "after": "api"},
                    {"task": "probe", "like": "web", "cluster": "test", "after": "web"},
                ],
                "region": "ap-southeast-2", "timeoutMinutes": timeout, "rollbackMinutes": 60,
            }))
            .unwrap()
        };
        let (mut api, mut web) = (Service::default(), Service::default());
        api.strategy = Strategy {
            name: "LINEAR".into(),
            linear: Some((10.0, 6)),
            bake_minutes: 5,
            ..Default::default()
        };
        web.strategy = Strategy {
            name: "CANARY".into(),
            canary_minutes: Some(10),
            bake_minutes: 20,
            pauses: vec![("POST_TEST_TRAFFIC_SHIFT".into(), 30)],
            ..Default::default()
        };
        let services = [&api, &web, &web];
        assert_eq!(times(&file(119), &services), []);
        let findings = times(&file(118), &services);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].0, 1);
        insta::assert_snapshot!(findings[0].1, @"by its deployment strategy it is done after 119 minutes (9 × 6 between steps + 5 bake + 10 canary + 20 bake + 30 pause at POST_TEST_TRAFFIC_SHIFT), and timeoutMinutes is 118: raise it (at most 1260), or shorten the strategy");
        assert_eq!(times(&file(58), &services).len(), 2);
        // Both would take their strategy's time once more to go back.
        let mut hasty = file(1_000);
        hasty.rollback_minutes = 30;
        let findings: Vec<usize> = times(&hasty, &services).iter().map(|(n, _)| *n).collect();
        assert_eq!(findings, [0, 1]);
    }
}
