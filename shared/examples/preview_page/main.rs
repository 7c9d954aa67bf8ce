//! Writes the pages of three samples of a preview into a folder, to look at in a browser:
//!
//! ```sh
//! cargo run -p shared --example preview_page -- target/preview
//! ```
//!
//! The pictures in `docs/` are of two of them, taken by any Chromium (`preferredColorScheme`: 1 is
//! light, 0 is dark), and made smaller:
//!
//! ```sh
//! chromium --headless --hide-scrollbars --blink-settings=preferredColorScheme=1 \
//!   --window-size=1100,1496 --screenshot=docs/preview.png \
//!   "file://$PWD/target/preview/ready.html"
//! chromium --headless --hide-scrollbars --blink-settings=preferredColorScheme=0 \
//!   --window-size=390,1395 --force-device-scale-factor=2 \
//!   --screenshot=docs/preview-refused.png "file://$PWD/target/preview/refused.html"
//! pngquant --quality 70-98 --ext .png --force docs/preview*.png
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
