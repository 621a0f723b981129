//! Text → its documents as trees with the place of every key and value, read as Kubernetes reads
//! YAML and JSON; and a complaint for whatever could not be read.

use std::borrow::Cow;
use std::sync::Arc;

use granit_parser::StructureStyle::Flow;
use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, Span, Tag, options};

use super::node::{Node, Value};
use super::scalar;
use super::tree::{Abandoned, MAX_DEPTH, Tree, quoted};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Position};

/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 64 << 20;

/// All documents of a text. Complaints are appended in the order of the text; documents that could
/// be read are returned even when others could not. Where only a part of a document could not be
/// read, the document is returned without it. Documents that are empty or `null` are left out, as
/// Kubernetes leaves them out.
pub(crate) fn documents(
    file: &Arc<str>,
    text: &str,
    complaints: &mut Vec<Diagnostic>,
) -> Vec<Node> {
    documents_in(Dialect::Kubernetes, file, text, complaints)
}

/// Whose file a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Kubernetes reads it: `y` and `n` are booleans.
    Kubernetes,
    /// Only portcullis reads it: `y` and `n` are text, as most readers of YAML take them.
    Suite,
}

/// As [`documents`], in the dialect of whoever reads the file.
pub(crate) fn documents_in(
    dialect: Dialect,
    file: &Arc<str>,
    text: &str,
    complaints: &mut Vec<Diagnostic>,
) -> Vec<Node> {
    let text = without_mark(text);
    if text.len() > MAX_TEXT {
        let finding = Diagnostic::error(Code::Limit, "the text is longer than 64 MiB");
        complaints.push(finding.at(file, Position::START, &FieldPath::root()));
        return Vec::new();
    }
    let mut found = Vec::new();
    let text = printable(file, text, &mut found);
    let tree = Tree::new(file, &mut found);
    let mut events = Events { text: &text, dialect, tree, started: false };
    events.read();
    let documents = events.tree.documents;
    found.sort_by(|a, b| a.origin.cmp(&b.origin));
    complaints.append(&mut found);
    documents
}

/// The text behind a byte order mark.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The text without the characters that YAML refuses. The first is complained of; all are read as
/// a stand-in, so that no other complaint is lost.
fn printable<'t>(file: &Arc<str>, text: &'t str, complaints: &mut Vec<Diagnostic>) -> Cow<'t, str> {
    // YAML 1.1 §5.4, and so Kubernetes, breaks the line at U+0085, U+2028 and U+2029; YAML 1.2 and
    // most editors do not. Nothing may hide behind one at the end of a comment.
    let refused = |c: char| {
        !matches!(c, ' '..='~' | '\n' | '\t' | '\r' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fffd}'
            | '\u{10000}'..)
    };
    let Some((index, character)) = text.char_indices().find(|(_, c)| refused(*c)) else {
        return Cow::Borrowed(text);
    };
    let before = text.get(..index).unwrap_or_default();
    let lines = before.replace("\r\n", "\n").replace('\r', "\n");
    let last = lines.rsplit('\n').next().unwrap_or_default();
    let position = position(lines.matches('\n').count() + 1, last.chars().count());
    let code = u32::from(character);
    let finding =
        Diagnostic::error(Code::Syntax, format!("the character U+{code:04X} cannot stand in YAML"))
            .help(format!("leave it out, or write `\\u{code:04x}` in double quotes"));
    complaints.push(finding.at(file, position, &FieldPath::root()));
    Cow::Owned(text.replace(refused, "\u{fffd}"))
}

/// Hands the events of one text to a tree.
struct Events<'t> {
    text: &'t str,
    dialect: Dialect,
    tree: Tree<'t>,
    /// Whether a document has begun.
    started: bool,
}

impl Events<'_> {
    fn read(&mut self) {
        let options = options! {
            emit_anchor_events: true,
            emit_comments: false,
            emit_unresolved_aliases: true,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut parser = Parser::new_from_str_with_options(self.text, options);
        // Ends: a turn takes one of finitely many events, or makes a complaint.
        while self.tree.has_room() {
            let complaints = self.tree.complaints.len();
            let (mark, taken) = match parser.next_event() {
                None => return,
                Some(Ok((event, span))) => (span.start, self.take(event, &span)),
                Some(Err(error)) => (*error.marker(), self.refuse(error.kind(), error.marker())),
            };
            self.name_template(complaints, mark.byte_offset());
            if let Err(Abandoned) = taken {
                self.tree.abandon();
                if !matches!(parser.proceed_next_document(), Ok(true)) {
                    return;
                }
            }
        }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Abandoned> {
        let position = marked(&span.start);
        match event {
            Event::DocumentStart(explicit, _) => self.start(explicit, span),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                if plain && self.is_ambiguous(span, tag.is_some()) {
                    self.complain(
                        position,
                        "this needs quotes: YAML 1.1 and 1.2 read it differently",
                    );
                }
                return self.scalar(&text, plain, tag.as_deref(), anchor, position);
            }
            // Kubernetes does not look at the tag of a list or mapping.
            Event::SequenceStart(style, anchor, _) => {
                return self.tree.open_sequence(style == Flow, anchor, position);
            }
            Event::MappingStart(style, anchor, _) => {
                return self.tree.open_mapping(style == Flow, anchor, position);
            }
            Event::SequenceEnd | Event::MappingEnd => return self.tree.close(),
            Event::Alias(anchor) => return self.tree.alias(anchor, position),
            Event::UnresolvedAlias(_) => return self.tree.alias(0, position),
            // YAML 1.1 §5.2: in `&a:b c` the anchor is `a`, and `:b c` is text.
            Event::Anchor(_, name)
                if name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-') =>
            {
                self.complain(position, "an anchor is made of letters, digits, `_` and `-`");
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Anchor(..) | _ => {}
        }
        Ok(())
    }

    fn refuse(&mut self, kind: &ErrorKind, mark: &Marker) -> Result<(), Abandoned> {
        if *kind == ErrorKind::RecursionLimitExceeded {
            return self.tree.too_deep(marked(mark));
        }
        let mut finding = Diagnostic::error(Code::Syntax, kind.to_string());
        if *kind == ErrorKind::ExpectedDocumentStart {
            finding = finding.help("one document ends before this: put `---` between two");
        } else if matches!(kind, ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation) {
            finding = finding.help("indent with spaces");
        }
        self.tree.complain(marked(mark), finding);
        Err(Abandoned)
    }

    /// Kubernetes tools cut a text at lines that begin with `---` and read one document of each
    /// piece: what stands on such a line is refused, and what stands after `...` is not seen.
    fn start(&mut self, explicit: bool, span: &Span) {
        self.tree.abandon();
        let beside = self
            .after(span)
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start();
        let unseen = !explicit && self.started;
        if unseen || (explicit && !beside.is_empty() && !beside.starts_with('#')) {
            let finding = Diagnostic::error(Code::Syntax, "Kubernetes does not read what is here")
                .help("begin the document with a line that holds nothing but `---`");
            self.tree.complain(marked(&span.start), finding);
        }
        self.started = true;
    }

    /// Whether YAML 1.1, and so Kubernetes, reads a plain scalar in brackets otherwise than YAML 1.2:
    /// `[fe80::]` is a string there, `[?a]` a mapping, `[a?b]` and `[::1]` an error, and the comma in
    /// `[!!str, a]` belongs to the tag.
    fn is_ambiguous(&self, span: &Span, tagged: bool) -> bool {
        if !self.tree.is_in_flow() {
            return false;
        }
        let text = span.slice(self.text).unwrap_or_default();
        let after = self.after(span).trim_start();
        let colon = [":,", ":]", ":}"].iter().any(|end| after.starts_with(end));
        if text.is_empty() { tagged } else { colon || text.starts_with(':') || text.contains('?') }
    }

    /// The text after a token.
    fn after(&self, span: &Span) -> &str {
        let rest = span
            .byte_range()
            .and_then(|range| self.text.get(range.end..));
        rest.unwrap_or_default()
    }

    fn scalar(
        &mut self,
        text: &str,
        plain: bool,
        tag: Option<&Tag>,
        anchor: usize,
        position: Position,
    ) -> Result<(), Abandoned> {
        // What follows `tag:yaml.org,2002:`; nothing for another tag, which makes a string.
        let tag = tag.map(|tag| {
            tag.suffix_in_namespace("tag:yaml.org,2002:")
                .unwrap_or_default()
        });
        let merge = text == "<<" && tag.as_deref().map_or(plain, |tag| tag == "merge");
        if merge && self.tree.begin_merge() {
            return Ok(());
        }
        let value = match tag {
            None if plain
                && self.dialect == Dialect::Suite
                && matches!(text, "y" | "Y" | "n" | "N") =>
            {
                Value::String(text.to_owned())
            }
            None if plain => scalar::plain(text),
            None => Value::String(text.to_owned()),
            Some(tag) => scalar::tagged(&tag, text).unwrap_or_else(|| {
                let message = format!("`{}` cannot be read as `!!{tag}`", quoted(text));
                self.tree
                    .complain(position, Diagnostic::error(Code::BadValue, message));
                Value::String(text.to_owned())
            }),
        };
        self.tree.scalar(value, text.len(), anchor, position)
    }

    fn complain(&mut self, position: Position, message: impl Into<String>) {
        self.tree
            .complain(position, Diagnostic::error(Code::Syntax, message));
    }

    /// Advice for new complaints near `{{`, which in YAML would open a mapping that is a key.
    fn name_template(&mut self, complaints: usize, offset: Option<usize>) {
        let offset = offset.unwrap_or_default();
        for finding in self.tree.complaints.iter_mut().skip(complaints) {
            let near = offset.saturating_sub(200)..self.text.len().min(offset + 200);
            let near = self.text.as_bytes().get(near).unwrap_or_default();
            if finding.help.is_none() && near.windows(2).any(|pair| pair == b"{{") {
                let help = "`{{` is left of a template: render it first, as `helm template` does";
                finding.help = Some(help.to_owned());
            }
        }
    }
}

pub(super) fn marked(mark: &Marker) -> Position {
    position(mark.line(), mark.col())
}

/// `line` counts from one, `before` are the characters before the place in its line.
fn position(line: usize, before: usize) -> Position {
    let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: count(line), column: count(before.saturating_add(1)) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use rstest::rstest;

    use super::*;
    use crate::parse::node::Key;

    fn read(text: &str) -> (Vec<Node>, Vec<Diagnostic>) {
        let mut complaints = Vec::new();
        let documents = documents(&Arc::from("a.yaml"), text, &mut complaints);
        (documents, complaints)
    }

    /// The node as JSON without spaces.
    fn shown(node: &Node) -> String {
        let list = |items: Vec<String>| items.join(",");
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Float(value) => format!("{value:?}"),
            Value::String(text) => format!("{text:?}"),
            Value::Sequence(items) => format!("[{}]", list(items.iter().map(shown).collect())),
            Value::Mapping(entries) => {
                let entry = |(key, node): &(Key, Node)| format!("{:?}:{}", key.name, shown(node));
                format!("{{{}}}", list(entries.iter().map(entry).collect()))
            }
        }
    }

    /// `1:5 PC902 message` of each complaint.
    fn told(complaints: &[Diagnostic]) -> Vec<String> {
        let place = |finding: &Diagnostic| finding.origin.as_ref().map(|origin| origin.position);
        complaints
            .iter()
            .map(|finding| {
                format!("{} {} {}", place(finding).unwrap(), finding.code, finding.message)
            })
            .collect()
    }

    #[rstest]
    #[case::plain("a: b\nc: [1, x]", r#"{"a":"b","c":[1,"x"]}"#)]
    #[case::quoted_stays_text(r#"['yes', "012", '~', "<<"]"#, r#"["yes","012","~","<<"]"#)]
    #[case::keys("on: a\nn: b\n012: c\n1.10: d", r#"{"true":"a","false":"b","10":"c","1.1":"d"}"#)]
    #[case::block_scalars("a: |\n  012\nb: >-\n  x\n  y", r#"{"a":"012\n","b":"x y"}"#)]
    #[case::tags("[!!str 5, !!int '5', !foo 5, ! 5, !!python/name 5]", r#"["5",5,"5","5","5"]"#)]
    #[case::tagged_collections("!foo {a: !!set {b}}", r#"{"a":{"b":null}}"#)]
    #[case::empty_with_tag("a: !!str\nb: !!null\nc:", r#"{"a":"","b":null,"c":null}"#)]
    #[case::alias("a: &x [1]\nb: *x\nc: &x 2\nd: *x", r#"{"a":[1],"b":[1],"c":2,"d":2}"#)]
    #[case::alias_as_key("a: &x on\nb: {*x : 1}", r#"{"a":true,"b":{"true":1}}"#)]
    #[case::merge(
        "x: &x {a: 1, b: 2}\nz:\n  <<: *x\n  b: 3",
        r#"{"x":{"a":1,"b":2},"z":{"a":1,"b":3}}"#
    )]
    #[case::merge_below_replaces("{b: 3, <<: {b: 2}}", r#"{"b":2}"#)]
    #[case::first_of_merged_wins("<<: [{a: 1}, {a: 2, b: 2}]", r#"{"b":2,"a":1}"#)]
    #[case::merges_of_one_mapping("{<<: {a: 1}, <<: {a: 2}}", r#"{"a":2}"#)]
    #[case::merge_of_merge("<<: {<<: {a: 1}, b: 2}", r#"{"a":1,"b":2}"#)]
    #[case::merge_is_a_plain_key("{'<<': a, b: <<}", r#"{"<<":"a","b":"<<"}"#)]
    #[case::json(
        "{\n\t\"a\":[true,null,-1.5e1],\n\t\"b\":\"\\ud83d\\ude00\\/\"}",
        r#"{"a":[true,null,-15],"b":"😀/"}"#
    )]
    #[case::windows_lines("a:\r\n  - b\r\n", r#"{"a":["b"]}"#)]
    #[case::old_mac_lines("a:\r  - b\r", r#"{"a":["b"]}"#)]
    #[case::byte_order_mark("\u{feff}a: b", r#"{"a":"b"}"#)]
    #[case::version("%YAML 1.1\n---\na: b", r#"{"a":"b"}"#)]
    #[case::tag_directive("%TAG !y! tag:yaml.org,2002:\n---\na: !y!str 5", r#"{"a":"5"}"#)]
    #[case::flow_at_the_margin("a: [\nb\n]", r#"{"a":["b"]}"#)]
    #[case::address_in_block("- ::1\n- fe80::1/64\n- a?b", r#"["::1","fe80::1/64","a?b"]"#)]
    #[case::scalar_document("hello", r#""hello""#)]
    fn a_document_is_read_as_kubernetes_reads_it(#[case] text: &str, #[case] want: &str) {
        let (documents, complaints) = read(text);
        assert_eq!(told(&complaints), Vec::<String>::new());
        assert_eq!(documents.iter().map(shown).collect::<Vec<_>>(), [want]);
    }

    #[rstest]
    #[case::empty("")]
    #[case::comment("# a\n")]
    #[case::start("---")]
    #[case::starts("---\n---\n# a\n---\n")]
    #[case::end("...\n")]
    #[case::null("null\n---\n~\n")]
    #[case::mark("\u{feff}")]
    fn nothing_is_no_document(#[case] text: &str) {
        assert_eq!(read(text), (Vec::new(), Vec::new()));
    }

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let (documents, _) = read("---\n\"é😀\": x\nb:\r\n  - {c: &a y, d: *a}\r- ");
        assert!(documents.is_empty());
        let (documents, complaints) = read("---\n\"é😀\": x\nb:\r\n  - {c: &a y, d: *a}\r  - z");
        assert_eq!(complaints, []);
        let Value::Mapping(entries) = &documents[0].value else { panic!("{documents:?}") };
        let Value::Sequence(items) = &entries[1].1.value else { panic!("{entries:?}") };
        let Value::Mapping(inner) = &items[0].value else { panic!("{items:?}") };
        let places = [
            documents[0].position,
            entries[0].0.position,
            entries[0].1.position,
            entries[1].1.position,
            items[0].position,
            inner[0].0.position,
            inner[0].1.position,
            inner[1].1.position,
            items[1].position,
        ];
        let places = places.map(|place| place.to_string());
        assert_eq!(places, ["2:1", "2:1", "2:7", "4:3", "4:5", "4:6", "4:12", "4:18", "5:5"]);
    }

    #[rstest]
    #[case::duplicate_key("a: 1\nb: 2\na: 3", &["3:1 PC906 the key `a` stands twice: the first is at 1:1"])]
    #[case::names_are_compared("{on: 1, 'true': 2}", &["1:9 PC906 the key `true` stands twice: the first is at 1:2"])]
    #[case::list_as_key("? [a]\n: b", &["1:3 PC902 a list cannot be a key"])]
    #[case::mapping_as_key("{a: {b: c}: d}", &["1:11 PC902 while parsing a flow mapping, did not find expected ',' or '}'"])]
    #[case::null_as_key("~: a", &["1:1 PC902 null cannot be a key"])]
    #[case::alias_in_its_node("a: &x [*x]", &["1:8 PC902 no node with this anchor ends before this alias in its document"])]
    #[case::alias_of_another_document("a: &x 1\n---\nb: *x", &["3:4 PC902 no node with this anchor ends before this alias in its document"])]
    #[case::odd_anchor("a: &x.y 1", &["1:4 PC902 an anchor is made of letters, digits, `_` and `-`"])]
    #[case::merge_of_a_scalar("<<: 5", &["1:5 PC902 `<<` takes a mapping or a list of mappings"])]
    #[case::merge_of_an_alias_to_a_list("a: &x [{b: 1}]\nc: {<<: *x}", &["2:9 PC902 `<<` takes a mapping or a list of mappings"])]
    #[case::tag("a: !!int x", &["1:10 PC908 `x` cannot be read as `!!int`"])]
    #[case::binary("a: !!binary aGk=", &["1:13 PC908 `aGk=` cannot be read as `!!binary`"])]
    #[case::infinity("a: [.inf]", &["1:5 PC908 JSON, and so Kubernetes, has no infinities and no `.nan`"])]
    #[case::nul("a: b\r\né: \0", &["2:4 PC902 the character U+0000 cannot stand in YAML"])]
    #[case::hidden_line("a: b # c\u{2028}d: e", &["1:9 PC902 the character U+2028 cannot stand in YAML"])]
    #[case::hidden_end_of_flow("[fe80::]", &["1:2 PC902 this needs quotes: YAML 1.1 and 1.2 read it differently"])]
    #[case::question_mark_in_flow("{a: b?c}", &["1:5 PC902 this needs quotes: YAML 1.1 and 1.2 read it differently"])]
    #[case::comma_in_a_tag("[!!str, a]", &["1:7 PC902 this needs quotes: YAML 1.1 and 1.2 read it differently"])]
    #[case::beside_the_separator("--- {a: b}", &["1:1 PC902 Kubernetes does not read what is here"])]
    #[case::after_the_end("a: b\n...\nc: d", &["3:1 PC902 Kubernetes does not read what is here"])]
    #[case::tab("a:\n\tb: c", &["2:2 PC902 tabs disallowed within this context (block indentation)"])]
    #[case::behind_json("{\"a\":1} x", &["1:9 PC902 did not find expected <document start>"])]
    #[case::lone_surrogate(r#""\ud800""#, &["1:1 PC902 while parsing a quoted scalar, found high surrogate without following low surrogate"])]
    #[case::unknown_version("%YAML 2.0\n---\na: b", &["1:1 PC902 unsupported YAML major version"])]
    fn what_cannot_be_read_is_complained_of(#[case] text: &str, #[case] want: &[&str]) {
        assert_eq!(told(&read(text).1), want);
    }

    #[rstest]
    #[case::value("a: {{ .Values.x }}")]
    #[case::line("{{- if .Values.x }}\na: b\n{{- end }}")]
    #[case::block("a:\n  {{- toYaml . | nindent 2 }}\n")]
    #[case::item("a:\n- {{ x }}-b\n")]
    #[case::key("{{ x }}: b")]
    fn a_template_is_named_as_one(#[case] text: &str) {
        let help = "`{{` is left of a template: render it first, as `helm template` does";
        let (_, complaints) = read(text);
        assert_eq!(complaints[0].help.as_deref(), Some(help), "{complaints:?}");
    }

    #[test]
    fn a_template_in_quotes_or_a_block_is_text() {
        let (documents, complaints) = read("a: '{{ x }}'\nb: |\n  {{ z }}\n");
        assert_eq!(complaints, []);
        assert_eq!(shown(&documents[0]), r#"{"a":"{{ x }}","b":"{{ z }}\n"}"#);
    }

    #[test]
    fn one_broken_document_hides_no_other() {
        let text =
            "a: [\n---\nb: 1\nb: 2\n---\nc: \"x\n---\nd: !!int x\n...\n---\n- e\n f\n---\ng: 1";
        let (documents, complaints) = read(text);
        let shown: Vec<_> = documents.iter().map(shown).collect();
        assert_eq!(shown, [r#"{"b":1}"#, r#"{"d":"x"}"#, r#"["e f"]"#, r#"{"g":1}"#]);
        let want = [
            "1:4 PC902 unclosed bracket '['",
            "4:1 PC906 the key `b` stands twice: the first is at 3:1",
            "7:1 PC902 invalid indentation in multiline quoted scalar",
            "8:10 PC908 `x` cannot be read as `!!int`",
        ];
        assert_eq!(told(&complaints), want);
    }

    #[test]
    fn a_complaint_names_its_field() {
        let (_, complaints) = read("a:\n  b:\n  - c: 1\n  - {d: !!int x}");
        assert_eq!(complaints[0].path.as_str(), "a.b[1].d");
    }

    /// Lines that each repeat the one before.
    fn chain(count: usize, line: impl Fn(usize, &str) -> String) -> String {
        let name = |i: usize| {
            i.checked_sub(1)
                .map_or_else(|| "x".to_owned(), |i| format!("*a{i}"))
        };
        (0..count).map(|i| line(i, &name(i))).collect()
    }

    #[rstest]
    #[case::flow_sequence("[".repeat(500_000))]
    #[case::flow_mapping("{a: ".repeat(125_000))]
    #[case::block_sequence("- ".repeat(250_000))]
    #[case::block_mapping((0..1_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect())]
    #[case::mixed_styles(format!("{}{}{}", "- ".repeat(60), "[".repeat(60), "]".repeat(60)))]
    #[case::one_too_deep(format!("{}{}", "[".repeat(101), "]".repeat(101)))]
    #[case::depth_by_aliases(chain(200, |i, before| format!("a{i}: &a{i} [[{before}]]\n")))]
    #[case::alias_bomb(chain(10, |i, before| format!("a{i}: &a{i} [{}x]\n", format!("{before},").repeat(9))))]
    #[case::merge_bomb(chain(90, |i, before| format!("a{i}: &a{i} {{<<: [{before}, {before}], k{i}: 1}}\n")).replace("[x, x]", "[]"))]
    #[case::quadratic_aliases(format!("a: &a [{}]\nb:\n{}", "x,".repeat(3_000), "- *a\n".repeat(3_000)))]
    #[case::long_scalar_copied(format!("a: &a {}\nb:\n{}", "x".repeat(1 << 20), "- *a\n".repeat(100)))]
    #[case::anchor_in_anchor(format!("{}{}{}", "&a [".repeat(90), "x,".repeat(3_000), "]".repeat(90)))]
    #[case::long_text(" ".repeat(MAX_TEXT + 1))]
    fn a_hostile_text_meets_a_limit(#[case] text: String) {
        let (documents, complaints) = read(&text);
        assert_eq!(documents, []);
        assert_eq!(
            complaints
                .iter()
                .map(|finding| finding.code)
                .collect::<Vec<_>>(),
            [Code::Limit]
        );
    }

    #[test]
    fn the_deepest_tree_is_read() {
        let text = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        let (documents, complaints) = read(&text);
        assert_eq!((complaints, shown(&documents[0])), (Vec::new(), text));
    }

    #[rstest]
    #[case::syntax("---\n[\n".repeat(1_000))]
    #[case::keys("a: 1\n".repeat(1_000))]
    #[case::tags("- !!int x\n".repeat(1_000))]
    fn complaints_come_to_an_end(#[case] text: String) {
        let (_, complaints) = read(&text);
        assert_eq!(complaints.len(), 101);
        assert_eq!(
            complaints
                .iter()
                .filter(|finding| finding.code == Code::Limit)
                .count(),
            1
        );
    }

    #[test]
    fn a_message_quotes_little_of_a_long_text() {
        let name = "k".repeat(1_000);
        let (_, complaints) = read(&format!("{name}: {{a: !!int {name}}}\n{name}: 2"));
        assert_eq!(complaints.len(), 2);
        assert!(
            complaints
                .iter()
                .all(|finding| finding.to_string().len() < 400),
            "{complaints:?}"
        );
    }

    /// A small generator of numbers (xorshift64), so that a run can be repeated.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
        }
    }

    #[test]
    fn no_mutation_of_a_text_panics_or_floods() {
        let texts = [
            "a: &x [1, 'b', \"\\u00e9\"]\nc: {<<: {d: e}, f: *x}\n---\n? g\n: |\n  h\n",
            "{\"a\":[{\"b\":\"\\ud83d\\ude00\"},1.5e3,null,true],\"c\":{}}",
            "%YAML 1.1\n%TAG !e! tag:a,2000:\n---\n- !e!x 1\n- !!int 0x1F\n- >-\n  é\n   y\n...\n",
            "a:\r\n- - b: ~\r\n    c: .inf # d\r\n  -\te\r\n---\r\n{{ f }}\r\n---\na: 1\na: 2\n",
        ];
        let pieces = [
            "\n", " ", "\t", "\r", "- ", ": ", "? ", ",", "[", "]", "{", "}", "#", "&x ", "*x",
            "!", "!!int ", "|", ">", "'", "\"", "%", "@", "---\n", "...\n", "<<: ", "\\", "\0",
            "é", "\u{feff}", "\u{2028}", "0",
        ];
        let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
        for _ in 0..20_000 {
            let mut text: Vec<char> = texts[numbers.below(texts.len())].chars().collect();
            for _ in 0..=numbers.below(6) {
                let at = numbers.below(text.len() + 1);
                let end = (at + numbers.below(4)).min(text.len());
                let other = numbers.below(text.len() + 1);
                match numbers.below(4) {
                    0 => drop(text.drain(at..end)),
                    1 => text.truncate(at.max(4)),
                    2 => text.extend_from_within(at.min(other)..at.max(other)),
                    _ => drop(text.splice(at..end, pieces[numbers.below(pieces.len())].chars())),
                }
            }
            let text = String::from_iter(text);
            let (documents, complaints) = read(&text);
            assert!(
                documents
                    .iter()
                    .map(|node| shown(node).len())
                    .sum::<usize>()
                    < 20_000,
                "{text:?}"
            );
            assert!(complaints.len() <= 101, "{text:?}");
            let lines = text.split(['\n', '\r']).count();
            for finding in complaints {
                let place = finding.origin.unwrap().position;
                assert!(finding.message.len() < 500, "{text:?}");
                assert!(
                    usize::try_from(place.line).unwrap() <= lines && place.column > 0,
                    "{text:?}"
                );
            }
        }
    }

    const RESOURCE: &str = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n";

    /// What `kubectl` makes of a text, as JSON documents, and whether it took all of it. Absent where
    /// there is no `kubectl`.
    fn kubectl(text: &str) -> Option<(String, bool)> {
        let mut child = Command::new("kubectl")
            .args(["annotate", "--local", "-f", "-", "a=b", "-o", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take()?.write_all(text.as_bytes()).ok()?;
        let output = child.wait_with_output().ok()?;
        let json = String::from_utf8(output.stdout).ok()?;
        Some((json.replace("\n}\n{", "\n}\n---\n{"), output.status.success()))
    }

    /// The node with the entries of its mappings in the order of their names, as `kubectl` prints.
    fn sorted(node: &Node) -> Node {
        let value = match &node.value {
            Value::Sequence(items) => Value::Sequence(items.iter().map(sorted).collect()),
            Value::Mapping(entries) => {
                let entry = |(key, node): &(Key, Node)| (key.clone(), sorted(node));
                let mut entries: Vec<_> = entries.iter().map(entry).collect();
                entries.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
                Value::Mapping(entries)
            }
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::String(_) => node.value.clone(),
        };
        Node { position: node.position, value }
    }

    #[test]
    fn values_and_keys_are_those_of_kubectl() {
        let scalars = "y Yes on ON true n No off FALSE yEs 012 0o14 0O14 0x1F 0X1f 0b11 1_000 1__0 1_ 0x_1 +5 -5 \
            -0x1F +0b11 -0o7 0b-11 -0b-1 08 0_8 018 09.5 1e3 1E3 1.5e3 .5 .5_0 .5__0 5. -.5 +.5 1.10 1.0 -0 -0.0 1e-400 1e400 \
            2001-01-01 12:30:45 190:20:30 190:20:30.15 0x 0b 0b2 0o8 . .. .e1 .5e 1e 1e+ + -x Inf NaN .0x1p3 0x1p3 \
            9223372036854775807 -9223372036854775808 123456789012345678 !!str\u{a0}5 '5' \"yes\" \"\\x41\\e\" << = a#b a:b \
            !!str\u{a0}yes !!int\u{a0}\"5\" !!int\u{a0}012 !!float\u{a0}5 !!bool\u{a0}\"yes\" !foo\u{a0}5 !\u{a0}5 \
            !!python/name:x\u{a0}5 !<tag:yaml.org,2002:str>\u{a0}5";
        let scalars = scalars
            .split(' ')
            .filter(|scalar| !scalar.is_empty())
            .map(|scalar| scalar.replace('\u{a0}', " "));
        let keys = "on n 1 012 1.5 1.0 1e3 1e6 123456.0 1e-5 0.0001 1.10 1e400 -0.0 -1.5e10 true -5 2001-01-01 \"n\" '1'";
        let bodies = [
            "value: ~",
            "value:",
            "value: ''",
            "value: !!str",
            "value: !!null",
            "value: !!null ''",
            "value: 1e19",
            "value: 1e21",
            "value: 1e-7",
            "value: 9223372036854775808",
            "value: 4611686018427387904.0",
            "value: {a: 1, <<: {a: 2, b: 3}}",
            "value: {<<: {a: 2, b: 3}, a: 1}",
            "value: {<<: [{a: 2}, {a: 3, c: 4}], a: 9}",
            "value: {<<: {a: 2}, <<: {a: 3, c: 4}}",
            "value: {<<: {<<: {a: 1}, b: 2}, c: 3}",
            "value: {<<: []}",
            "value: {\"<<\": a}",
            "x: &x {a: 1}\nvalue: {<<: *x}",
            "x: &x {a: 1}\nvalue: {<<: [*x, {b: 1}]}",
            "x: &x 1e6\nvalue: {*x : *x}",
            "value: {a: &x 1, b: &x 2, c: *x}",
            "value: !!set {a, b}",
            "value: !!omap [a: 1]",
            "value: !!str [a]",
            "value: !!map 5",
            "value: [\na,\nb\n]",
            "value: {a:1}",
            "value: {\"a\":1}",
            "value: |+\n  a\n\n",
            "value: >\n  a\n\n   b\n\n  c\n",
            "value: |2-\n   a\n",
            "value: 'it''s\n  b'",
            "value: a\n  b\n\n  c",
            "value:\n- - a\n  -\n- b",
            "value:\n  ? |\n    a\n  : b",
            "value:\r\n  a: b\r\n",
            "value: [\ta,\tb]",
            "value: a\tb",
            "value: \"\\u263a\\_\"",
            "value: ---",
            "value: a\n...",
        ];
        let texts: Vec<String> = scalars
            .map(|scalar| format!("value: {scalar}"))
            .chain(keys.split(' ').map(|key| format!("value: {{? {key} : v}}")))
            .chain(bodies.map(str::to_owned))
            .map(|body| format!("{RESOURCE}{body}\n"))
            .collect();
        let Some((json, taken)) = kubectl(&texts.join("---\n")) else {
            println!("skipped: there is no kubectl here");
            return;
        };
        let (theirs, complaints) = read(&json);
        assert_eq!((taken, complaints, theirs.len()), (true, Vec::new(), texts.len()));
        let value = |node: &Node| node.get("value").map(|node| shown(&sorted(node)));
        for (text, theirs) in texts.iter().zip(&theirs) {
            let (ours, complaints) = read(text);
            assert_eq!(complaints, [], "{text}");
            assert_eq!(value(&ours[0]), value(theirs), "{text}");
        }
    }

    #[test]
    fn what_kubectl_refuses_is_complained_of() {
        let bodies = [
            "value: .inf",
            "value: .nan",
            "value: !!int 5.5",
            "value: !!bool 1",
            "value: !!null x",
            "value: {~: a}",
            "value: {? [a] : b}",
            "value: {<<: 5}",
            "value: {<<: }",
            "x: &x [{a: 1}]\nvalue: {<<: *x}",
            "value: &x [*x]",
            "value: *x",
            "value: {{ x }}",
            "value: [a?b]",
            "value: [a, ::1]",
            "value: \"a\u{7f}\"",
            "value:\n\ta: b",
            "value: %a",
            "value: - a",
            "--- {a: b}",
            "value: [a",
            "value: &a.b c",
        ];
        for body in bodies {
            let text = format!("{RESOURCE}{body}\n");
            assert_ne!(read(&text).1, [], "{text}");
            let Some((_, taken)) = kubectl(&text) else {
                println!("skipped: there is no kubectl here");
                continue;
            };
            assert!(!taken, "{text}");
        }
    }
}
