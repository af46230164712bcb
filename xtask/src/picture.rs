//! `cargo xtask picture`: the picture that the README opens with, of the page of a real run.
//!
//! It runs an example, and takes a picture of the top of its page in a browser without a window. The
//! facts about this machine are below the top, and so not in the picture.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::{self, cargo, find, root};

/// The picture, in the repository.
const PICTURE: &str = "docs/page.png";
/// The most bytes of the picture, which every reader of the README loads.
const BYTES_MAX: usize = 150_000;
/// The run: an example, and its flags.
const RUN: &str = "run --quiet --release --package dyno-examples --example http -- --rate 1k \
                   --duration 30s --workers 2 --quiet";
/// The part of the page that is seen, in its own units: two charts next to each other, in two rows.
const SEEN: (u32, u32) = (1_040, 1_290);
/// The pixels of a unit, with which the picture is as wide as a README on GitHub.
const SCALE: f64 = 0.8;

/// Makes the picture.
///
/// # Errors
/// If the run is not sustained, if `chromium` is missing, or if the picture is too large.
pub(crate) fn run() -> Result<()> {
    ensure!(
        find("chromium").is_some(),
        "a picture needs `chromium`: sudo apt-get install --yes chromium"
    );
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let out = folder.path().join("run");
    command::run(cargo(RUN).arg("--out").arg(&out))?;
    let picture = folder.path().join("page.png");
    take(&out.join("report.html"), &picture, folder.path())?;
    let bytes = fs::read(&picture).context("the browser made no picture")?;
    ensure!(
        bytes.len() <= BYTES_MAX,
        "the picture has {} bytes, and may have {BYTES_MAX}: make it smaller, by SEEN or SCALE",
        bytes.len()
    );
    fs::write(root().join(PICTURE), &bytes).with_context(|| format!("can't write {PICTURE}"))?;
    println!("{PICTURE}: {} bytes", bytes.len());
    Ok(())
}

/// Takes a picture of the top of a page.
fn take(page: &Path, picture: &Path, profile: &Path) -> Result<()> {
    let (width, height) = SEEN;
    let mut browser = Command::new("chromium");
    browser
        .args(["--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.join("profile").display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--force-device-scale-factor={SCALE}"))
        .arg(format!("--screenshot={}", picture.display()));
    if nix::unistd::Uid::effective().is_root() {
        // Its sandbox refuses root.
        browser.arg("--no-sandbox");
    }
    command::run_quietly(browser.arg(format!("file://{}", page.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_small_and_is_in_the_readme() {
        let picture = fs::read(root().join(PICTURE)).expect("it is in the repository");
        assert!(picture.starts_with(b"\x89PNG") && picture.len() <= BYTES_MAX);
        let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
        assert!(readme.contains(&format!("]({PICTURE})")), "the README does not show {PICTURE}");
    }
}
