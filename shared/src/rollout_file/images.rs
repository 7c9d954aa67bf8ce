//! `imagedefinitions.json` and `imageDetail.json` → images; image references and their parts.

use serde_json::Value;

use crate::names::{Account, Digest, Region};

/// CodePipeline's limit for an image file (CONTRACTS 3.1.11).
const LIMIT_BYTES: usize = 100 * 1024;

/// A reference to a container image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Registry and repository, without tag and digest.
    pub repository: String,
    /// The tag, when it has one.
    pub tag: Option<String>,
    /// The digest, when it is pinned.
    pub digest: Option<Digest>,
}

/// A repository in ECR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrRepository {
    /// The registry's account.
    pub account: Account,
    /// The registry's region.
    pub region: Region,
    /// The repository's name in it.
    pub name: String,
}

impl Image {
    /// Reads `repository[:tag][@sha256:…]`. None for an empty text, white space, a placeholder,
    /// or a damaged digest.
    pub fn parse(text: &str) -> Option<Self> {
        let unfit = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"');
        if text.is_empty() || text.contains(unfit) {
            return None;
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(Digest::parse(digest)?)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let tag_at = name
            .rfind(':')
            .filter(|at| !name.get(*at..).unwrap_or("").contains('/'));
        let (repository, tag) = match tag_at {
            Some(at) => (name.get(..at)?, Some(name.get(at + 1..)?)),
            None => (name, None),
        };
        let fits = !repository.is_empty() && tag.is_none_or(|tag| !tag.is_empty());
        fits.then(|| Self {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }

    /// The ECR repository, when the image is in a private one.
    pub fn ecr(&self) -> Option<EcrRepository> {
        let (host, name) = self.repository.split_once('/')?;
        let mut labels = host.split('.');
        let account = Account::parse(labels.next()?)?;
        if (labels.next(), labels.next()) != (Some("dkr"), Some("ecr")) {
            return None;
        }
        let region = Region::parse(labels.next()?)?;
        host.contains(".amazonaws.com").then(|| EcrRepository {
            account,
            region,
            name: name.to_owned(),
        })
    }

    /// The same image, by digest and nothing else.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            repository: self.repository.clone(),
            tag: None,
            digest: Some(digest),
        }
    }
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{}", digest.as_str())?;
        }
        Ok(())
    }
}

/// What an image file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageFile {
    /// `imagedefinitions.json`: images by container name.
    Definitions(Vec<(String, Image)>),
    /// `imageDetail.json`: one image, for a placeholder.
    Detail(Image),
}

impl ImageFile {
    /// The images that it names.
    pub fn images(&self) -> Vec<&Image> {
        match self {
            Self::Definitions(images) => images.iter().map(|(_, image)| image).collect(),
            Self::Detail(image) => vec![image],
        }
    }

    /// Reads either form; the error is everything that is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<String>> {
        if bytes.len() > LIMIT_BYTES {
            return Err(vec![format!(
                "has {} bytes; at most {LIMIT_BYTES} are allowed",
                bytes.len()
            )]);
        }
        let value: Value =
            serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
                .map_err(|error| vec![format!("is not JSON ({error})")])?;
        match &value {
            Value::Array(entries) => definitions(entries),
            Value::Object(detail) => match detail.get("ImageURI").and_then(Value::as_str) {
                Some(uri) => Image::parse(uri)
                    .map(Self::Detail)
                    .ok_or_else(|| vec![format!("ImageURI: {uri:?} is no image")]),
                None => Err(vec![
                    "has no \"ImageURI\"; imageDetail.json is {\"ImageURI\": \"…\"}".into(),
                ]),
            },
            _ => Err(vec![FORM.into()]),
        }
    }
}

const FORM: &str = "must be a list as in imagedefinitions.json: [{\"name\": \"<container>\", \"imageUri\": \"…\"}]";

fn definitions(entries: &[Value]) -> Result<ImageFile, Vec<String>> {
    let mut wrongs = Vec::new();
    let mut images: Vec<(String, Image)> = Vec::new();
    if entries.is_empty() {
        wrongs.push("names no container; an empty list would roll out nothing".into());
    }
    for (n, entry) in entries.iter().enumerate() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = text("name");
        if name.is_empty() {
            wrongs.push(format!("[{n}].name: is missing or empty; {FORM}"));
        } else if images.iter().any(|(other, _)| other == name) {
            wrongs.push(format!("[{n}].name: {name:?} stands twice"));
        }
        match Image::parse(text("imageUri")) {
            Some(image) => images.push((name.to_owned(), image)),
            None => wrongs.push(format!(
                "[{n}].imageUri: {:?} is no image ({name}); write repository:tag or \
                 repository@sha256:…",
                text("imageUri")
            )),
        }
    }
    if wrongs.is_empty() {
        Ok(ImageFile::Definitions(images))
    } else {
        Err(wrongs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_come_apart_and_together_again() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, tag, pinned, ecr) in [
            ("nginx".to_owned(), None, false, false),
            ("nginx:1.27".to_owned(), Some("1.27"), false, false),
            ("localhost:5000/web".to_owned(), None, false, false),
            ("localhost:5000/web:v1".to_owned(), Some("v1"), false, false),
            (
                "111111111111.dkr.ecr.ap-southeast-2.amazonaws.com/team/web:v1".to_owned(),
                Some("v1"),
                false,
                true,
            ),
            (
                format!("111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn/web@{digest}"),
                None,
                true,
                true,
            ),
            (format!("web:v1@{digest}"), Some("v1"), true, false),
        ] {
            let image = Image::parse(&text).unwrap();
            assert_eq!(
                (
                    image.tag.as_deref(),
                    image.digest.is_some(),
                    image.ecr().is_some()
                ),
                (tag, pinned, ecr),
                "{text}"
            );
            assert_eq!(image.to_string(), text);
        }
        for wrong in [
            "",
            " ",
            "<IMAGE1_NAME>",
            "web@sha256:1",
            "web:",
            "a b",
            ":v1",
        ] {
            assert!(Image::parse(wrong).is_none(), "{wrong}");
        }
        let repository =
            Image::parse("111111111111.dkr.ecr.ap-southeast-2.amazonaws.com/team/web:v1")
                .unwrap()
                .ecr()
                .unwrap();
        assert_eq!(
            (
                repository.account.as_str(),
                repository.region.as_str(),
                repository.name.as_str()
            ),
            ("111111111111", "ap-southeast-2", "team/web")
        );
    }

    #[test]
    fn both_files_are_read() {
        let definitions = ImageFile::parse(
            br#"[{"name":"web","imageUri":"r/web:v1"},{"name":"side","imageUri":"r/s:2"}]"#,
        );
        assert!(matches!(definitions, Ok(ImageFile::Definitions(images)) if images.len() == 2));
        // As an ECR source action writes it, and with the mark that some editors put in front.
        let detail = ImageFile::parse(b"\xef\xbb\xbf{\"ImageSizeInBytes\":\"1\",\"ImageURI\":\"r/web@sha256:0000000000000000000000000000000000000000000000000000000000000000\"}");
        assert!(matches!(detail, Ok(ImageFile::Detail(image)) if image.digest.is_some()));
    }

    // rules: 3.1.11 3.5.5
    #[test]
    fn everything_wrong_is_said_at_once() {
        let wrongs = ImageFile::parse(br#"[{"name":"web","imageUri":""},{"name":"web","imageUri":"a"},{"imageUri":"<IMAGE1_NAME>"},{"name":"web","imageUri":"b"}]"#).unwrap_err();
        assert_eq!(wrongs.len(), 4, "{wrongs:#?}");
        for (bytes, expected) in [
            (b"[]".as_slice(), "nothing"),
            (b"{", "not JSON"),
            (b"{}", "ImageURI"),
            (b"3", "must be a list"),
            (&[b' '; 102_401], "at most 102400"),
        ] {
            assert!(
                ImageFile::parse(bytes)
                    .unwrap_err()
                    .join("")
                    .contains(expected),
                "{expected}"
            );
        }
    }
}
