//! Writes the pages of three samples of a preview into a folder, to look at in a browser:
//!
//! ```sh
//! cargo run -p shared --example preview_page -- target/preview
//! ```
//!
//! The pictures in `docs/` are of these pages, taken by any Chromium:
//!
//! ```sh
//! chromium --headless --hide-scrollbars --blink-settings=preferredColorScheme=1 \
//!   --window-size=1280,1500 --screenshot=docs/preview.png target/preview/ready.html
//! chromium --headless --hide-scrollbars --blink-settings=preferredColorScheme=0 \
//!   --window-size=500,1400 --screenshot=docs/preview-refused.png target/preview/refused.html
//! ```

mod samples;

use std::{env, fs, io, path::PathBuf};

use shared::preview::page::page;
use shared::preview::summary::summary;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("say which folder to write into"))?;
    fs::create_dir_all(&folder)?;
    for (name, preview) in samples::all() {
        fs::write(folder.join(format!("{name}.html")), page(&preview))?;
        fs::write(folder.join(format!("{name}.txt")), summary(&preview))?;
    }
    Ok(())
}
