//! What reaches the gate → what it looks at (CONTRACTS 3.4): S3's notifications and their EventBridge
//! form, its own schedule, a person's wish to look again, and the end of an execution.

use std::cmp::Ordering;

use serde_json::Value;

use crate::release;

/// What the gate is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// Envelopes that arrived.
    pub arrived: Vec<Arrival>,
    /// Look for what no event has announced.
    pub sweep: bool,
    /// Look for deployments whose execution has ended without coming to an end.
    pub open: bool,
    /// Look at this release again: `<pipeline>/<execution>`.
    pub recheck: Option<String>,
    /// What is left alone, and why; told in the log.
    pub ignored: Vec<String>,
}

/// An envelope that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The bucket.
    pub bucket: String,
    /// The object's key, decoded.
    pub key: String,
    /// The object's version; none when the event names none.
    pub version: Option<String>,
    /// Where it stands among events of the same key; none when there is no telling.
    pub sequencer: Option<String>,
}

/// The major version of S3's events that is understood; a higher minor only adds fields (3.4.6).
const MAJOR: &str = "2";

impl Asked {
    /// Reads an event. Whatever is not ours is left alone with a reason, since an error would only have
    /// it delivered again.
    pub fn parse(event: &Value) -> Self {
        let mut asked = Self::default();
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        let is = |key: &str| event.get(key).and_then(Value::as_bool) == Some(true);
        if let Some(records) = event.get("Records").and_then(Value::as_array) {
            for record in records {
                match of_record(record) {
                    Ok(arrival) => asked.take(arrival),
                    Err(why) => asked.ignored.push(why),
                }
            }
            return asked;
        }
        if let Some(release) = event.get("recheck") {
            match release.as_str().filter(|name| is_release(name)) {
                Some(name) => asked.recheck = Some(name.to_owned()),
                None => asked.ignored.push(format!(
                    "\"recheck\" must be a release as \"<pipeline>/<execution>\", not {release}"
                )),
            }
            return asked;
        }
        match (text("source"), text("detail-type")) {
            ("aws.s3", "Object Created") => match of_detail(event.get("detail")) {
                Ok(arrival) => asked.take(arrival),
                Err(why) => asked.ignored.push(why),
            },
            // The end of an execution: what it left behind is looked for.
            ("aws.states", _) => asked.open = true,
            ("aws.events", _) => (asked.sweep, asked.open) = (true, true),
            _ if is("sweep") => (asked.sweep, asked.open) = (true, true),
            _ if is("open") => asked.open = true,
            _ if text("Event") == "s3:TestEvent" => {
                asked.ignored.push("S3's test event".to_owned());
            }
            (source, kind) => asked.ignored.push(format!(
                "no event that the gate knows (source {source:?}, detail-type {kind:?}); it takes S3's \
                 notifications, \"Object Created\" of EventBridge, {{\"sweep\": true}} and {{\"recheck\": \
                 \"<pipeline>/<execution>\"}}"
            )),
        }
        asked
    }

    /// Of several events about one key the newest counts; where there is no telling, each version is
    /// looked at.
    fn take(&mut self, arrival: Arrival) {
        if !arrival.key.ends_with(&format!("/{}", release::ENVELOPE)) {
            let key = &arrival.key;
            self.ignored
                .push(format!("{key:?} is no release's envelope"));
            return;
        }
        let same = |one: &Arrival| (&one.bucket, &one.key) == (&arrival.bucket, &arrival.key);
        let mut older = None;
        for (n, known) in self.arrived.iter().enumerate().filter(|(_, one)| same(one)) {
            if *known == arrival || known.version.is_some() && known.version == arrival.version {
                return;
            }
            let both = known.sequencer.as_deref().zip(arrival.sequencer.as_deref());
            match both.and_then(|(known, new)| sequence(known, new)) {
                Some(Ordering::Less) => older = Some(n),
                Some(_) => return,
                None => {}
            }
        }
        if let Some(n) = older {
            self.arrived.remove(n);
        }
        self.arrived.push(arrival);
    }
}

/// Whether it is what a release is called: a pipeline's name and an execution's id.
pub fn is_release(name: &str) -> bool {
    let Some((pipeline, execution)) = name.split_once('/') else {
        return false;
    };
    let letters = |text: &str, others: &[u8]| {
        (1..=100).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
    };
    letters(pipeline, b".@-_") && execution.len() == 36 && letters(execution, b"-")
}

/// The release that a key is the envelope of.
pub fn release_of(key: &str) -> Option<&str> {
    let name = key.strip_prefix(release::FOLDER)?;
    let name = name.strip_suffix(release::ENVELOPE)?.strip_suffix('/')?;
    is_release(name).then_some(name)
}

/// Which of two events about one key is the newer one (3.4.4): hexadecimal, the shorter filled up with
/// zeros on the right. None when there is no telling.
pub fn sequence(one: &str, other: &str) -> Option<Ordering> {
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex(one) || !hex(other) {
        return None;
    }
    let long = one.len().max(other.len());
    let filled = |text: &str| format!("{:0<long$}", text.to_ascii_uppercase());
    Some(filled(one).cmp(&filled(other)))
}

fn of_record(record: &Value) -> Result<Arrival, String> {
    let text = |path: &str| record.pointer(path).and_then(Value::as_str);
    let source = text("/eventSource").unwrap_or_default();
    if source != "aws:s3" {
        return Err(format!("a record of {source:?}, not of aws:s3"));
    }
    let version = text("/eventVersion").unwrap_or_default();
    if version.split('.').next() != Some(MAJOR) {
        return Err(format!(
            "an event of S3 in version {version:?}; {MAJOR}.x is known"
        ));
    }
    let name = text("/eventName").unwrap_or_default();
    // Some say `s3:` and some do not; every way to create counts (3.4.6).
    if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return Err(format!("{name:?}: nothing was created"));
    }
    let (Some(bucket), Some(key)) = (text("/s3/bucket/name"), text("/s3/object/key")) else {
        return Err("a record of S3 without a bucket or a key".to_owned());
    };
    let Some(key) = decoded(key) else {
        return Err(format!("a key that does not decode to UTF-8: {key:?}"));
    };
    Ok(Arrival {
        bucket: bucket.to_owned(),
        key,
        version: some(text("/s3/object/versionId")),
        sequencer: some(text("/s3/object/sequencer")),
    })
}

/// EventBridge's form: its key is not encoded (3.4.2).
fn of_detail(detail: Option<&Value>) -> Result<Arrival, String> {
    let text = |path: &str| detail?.pointer(path)?.as_str();
    let (Some(bucket), Some(key)) = (text("/bucket/name"), text("/object/key")) else {
        return Err("an event of S3 without a bucket or a key".to_owned());
    };
    Ok(Arrival {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version: some(text("/object/version-id")),
        sequencer: some(text("/object/sequencer")),
    })
}

fn some(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty() && *text != "null")
        .map(str::to_owned)
}

/// A key of a notification: `+` is a space, `%2B` a plus.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
