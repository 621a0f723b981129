//! Coverage → Cobertura XML (`coverage-04.dtd`) on the lines of the policy files.

use std::io;

use quick_xml::Writer;

use super::lcov::{Line, lines};
use super::xml::well_formed;
use crate::coverage::{Coverage, Share};

type Xml = Writer<Vec<u8>>;

/// The document.
#[must_use]
pub fn cobertura(coverage: &Coverage) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    if write(&mut xml, coverage).is_err() {
        // A Vec takes everything.
    }
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <!DOCTYPE coverage SYSTEM \"http://cobertura.sourceforge.net/xml/coverage-04.dtd\">\n";
    well_formed(format!("{head}{}\n", String::from_utf8_lossy(&xml.into_inner())))
}

/// `0.9230`, as the format writes shares.
fn rate(share: Share) -> String {
    let hundredths = share.hundredths();
    format!("{}.{:04}", hundredths / 10_000, hundredths % 10_000)
}

/// The lines that decided a request, and the ways in which rules and values did.
fn shares<'l>(lines: impl Iterator<Item = &'l Line>) -> (Share, Share) {
    let (mut of_lines, mut of_branches) = (Share::default(), Share::default());
    for line in lines {
        of_lines.total += 1;
        of_lines.covered += usize::from(line.hits > 0);
        let branches = branches(line);
        of_branches.total += branches.total;
        of_branches.covered += branches.covered;
    }
    (of_lines, of_branches)
}

fn branches(line: &Line) -> Share {
    let taken = line
        .branches
        .iter()
        .flat_map(|sides| [sides.matched > 0, sides.unmatched > 0]);
    let covered = taken.clone().filter(|taken| *taken).count();
    Share { covered, total: taken.count() }
}

fn write(xml: &mut Xml, coverage: &Coverage) -> io::Result<()> {
    let files = coverage.files();
    let files: Vec<_> = files
        .iter()
        .map(|(file, policies)| (file, lines(policies)))
        .collect();
    let (of_lines, of_branches) = shares(files.iter().flat_map(|(_, lines)| lines.values()));
    let number = |number: usize| number.to_string();
    xml.create_element("coverage")
        .with_attribute(("line-rate", rate(of_lines).as_str()))
        .with_attribute(("branch-rate", rate(of_branches).as_str()))
        .with_attribute(("lines-covered", number(of_lines.covered).as_str()))
        .with_attribute(("lines-valid", number(of_lines.total).as_str()))
        .with_attribute(("branches-covered", number(of_branches.covered).as_str()))
        .with_attribute(("branches-valid", number(of_branches.total).as_str()))
        .with_attribute(("complexity", "0"))
        .with_attribute(("version", env!("CARGO_PKG_VERSION")))
        .with_attribute(("timestamp", "0"))
        .write_inner_content(|xml| {
            inside(xml, "sources", |xml| {
                xml.create_element("source")
                    .write_text_content(quick_xml::events::BytesText::new("."))
                    .map(drop)
            })?;
            inside(xml, "packages", |xml| {
                xml.create_element("package")
                    .with_attribute(("name", "policies"))
                    .with_attribute(("line-rate", rate(of_lines).as_str()))
                    .with_attribute(("branch-rate", rate(of_branches).as_str()))
                    .with_attribute(("complexity", "0"))
                    .write_inner_content(|xml| {
                        inside(xml, "classes", |xml| {
                            files
                                .iter()
                                .try_for_each(|(file, lines)| class(xml, file, lines))
                        })
                    })
                    .map(drop)
            })
        })
        .map(drop)
}

fn inside(
    xml: &mut Xml,
    name: &str,
    content: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    xml.create_element(name)
        .write_inner_content(content)
        .map(drop)
}

/// One file.
fn class(
    xml: &mut Xml,
    file: &str,
    lines: &std::collections::BTreeMap<u32, Line>,
) -> io::Result<()> {
    let (of_lines, of_branches) = shares(lines.values());
    xml.create_element("class")
        .with_attribute(("name", file))
        .with_attribute(("filename", file))
        .with_attribute(("line-rate", rate(of_lines).as_str()))
        .with_attribute(("branch-rate", rate(of_branches).as_str()))
        .with_attribute(("complexity", "0"))
        .write_inner_content(|xml| {
            xml.create_element("methods").write_empty()?;
            inside(xml, "lines", |xml| {
                lines
                    .iter()
                    .try_for_each(|(number, line)| self::line(xml, *number, line))
            })
        })
        .map(drop)
}

fn line(xml: &mut Xml, number: u32, line: &Line) -> io::Result<()> {
    let share = branches(line);
    let element = xml
        .create_element("line")
        .with_attribute(("number", number.to_string().as_str()))
        .with_attribute(("hits", line.hits.to_string().as_str()))
        .with_attribute(("branch", if share.total > 0 { "true" } else { "false" }));
    let percent = format!("{}% ({}/{})", share.hundredths() / 100, share.covered, share.total);
    let element = if share.total > 0 {
        element.with_attribute(("condition-coverage", percent.as_str()))
    } else {
        element
    };
    element.write_empty().map(drop)
}
