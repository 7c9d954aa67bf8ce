//! The generated parts of a page: `<!-- generated: name -->`, what is generated, `<!-- end -->`.

use anyhow::{Context, Result};

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

/// `page` with the content of this part replaced.
pub(crate) fn put(page: &str, name: &str, content: &str) -> Result<String> {
    let begin = format!("{BEGIN}{name} -->\n");
    let lacks = || format!("there is no line {:?} with an {END} after it", begin.trim());
    let (before, rest) = page.split_once(&begin).with_context(lacks)?;
    let (_, after) = rest.split_once(END).with_context(lacks)?;
    Ok(format!("{before}{begin}{content}{END}{after}"))
}

/// What the parts of a page are called.
pub(super) fn names(page: &str) -> Vec<&str> {
    let lines = page.lines();
    lines
        .filter_map(|line| line.strip_prefix(BEGIN)?.strip_suffix(" -->"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_and_nothing_else() {
        let page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb";
        let expected = "a\n<!-- generated: x -->\nnew\n<!-- end -->\nb";
        assert_eq!(put(page, "x", "new\n").unwrap(), expected);
        assert!(put(page, "y", "new\n").is_err());
        assert_eq!(names(page), ["x"]);
    }
}
