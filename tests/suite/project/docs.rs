//! The documentation: its links resolve, and its index lists every page.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file for readers, relative to the root.
fn pages() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from).to_vec();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let name = folder.join(entry.unwrap().file_name());
            if root().join(&name).is_dir() {
                folders.push(name);
            } else if name.extension().is_some_and(|end| end == "md") {
                found.push(name);
            }
        }
    }
    found
}

/// The lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    })
}

/// The anchor of a heading: lower case, without punctuation, with hyphens for spaces.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// The relative targets of the links in a text.
fn links(text: &str) -> Vec<&str> {
    let parts = prose(text).flat_map(|line| line.split("](").skip(1));
    let targets = parts.filter_map(|part| part.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.contains("://")).collect()
}

/// `docs/../README.md` is `README.md`.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    let mut checked = 0;
    for page in pages() {
        let text = std::fs::read_to_string(root().join(&page)).unwrap();
        for link in links(&text) {
            checked += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                normal(&page.parent().unwrap().join(file))
            };
            let exists = root().join(&target).exists();
            let has_heading = heading.is_empty()
                || std::fs::read_to_string(root().join(&target))
                    .is_ok_and(|text| anchors(&text).contains(heading));
            if !exists || !has_heading {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(checked > 200, "{checked}");
    assert!(broken.is_empty(), "broken links: {broken:#?}");
}

#[test]
fn the_index_lists_every_page() {
    let index = std::fs::read_to_string(root().join("docs/README.md")).unwrap();
    let listed: BTreeSet<&str> = links(&index).into_iter().collect();
    for page in pages() {
        let inside = page.strip_prefix("docs").ok().filter(|name| *name != "README.md");
        let Some(name) = inside.filter(|name| name.components().count() == 1) else { continue };
        assert!(listed.contains(name.to_str().unwrap()), "docs/README.md lacks {}", name.display());
    }
    assert!(listed.contains("decisions") && listed.contains("token-codes/README.md"));
}

#[test]
fn broken_links_are_found() {
    assert_eq!(links("see [a](b.md#c) and [d](https://e)\n```\n[f](g)\n```"), ["b.md#c"]);
    assert_eq!(anchor(" `signet` at a path, twice"), "signet-at-a-path-twice");
    assert_eq!(normal(Path::new("docs/token-codes/../../README.md")), Path::new("README.md"));
}

#[test]
fn the_front_page_is_short() {
    let lines = std::fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines < 200, "README.md has {lines} lines");
}
