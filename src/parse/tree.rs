//! Lists, mappings, scalars and aliases one by one → documents as trees, with every name once,
//! merges and aliases expanded, and an end to what a hostile text can cost.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use super::node::{Key, Node, Value};
use super::scalar;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Position};

/// The deepest nesting of lists and mappings, with aliases expanded. It bounds every recursion over
/// a [`Node`], to drop it among others.
pub(crate) const MAX_DEPTH: usize = 100;
/// How much of one text is copied: what has an anchor is copied once, and once more for each alias
/// to it. Every node counts one, and one more for each 64 bytes of its text.
const MAX_COPIED: usize = 200_000;
/// The most nodes of one text, which bounds memory to some hundred megabytes.
const MAX_NODES: usize = 8_000_000;
/// After so many complaints the rest of a text is not read.
const MAX_COMPLAINTS: usize = 100;
/// A message quotes no more characters of a name or scalar than this.
const MAX_QUOTED: usize = 80;

/// The rest of the document cannot be read; the complaint is made.
#[derive(Debug)]
pub(crate) struct Abandoned;

/// Builds the documents of one text. Nothing recurses deeper than [`MAX_DEPTH`].
#[derive(Debug)]
pub(crate) struct Tree<'t> {
    file: &'t Arc<str>,
    pub(crate) complaints: &'t mut Vec<Diagnostic>,
    pub(crate) documents: Vec<Node>,
    frames: Vec<Frame>,
    /// The finished nodes of this document that have an anchor.
    anchors: BTreeMap<usize, (Node, Size)>,
    nodes: usize,
    copied: usize,
}

/// A list or mapping whose end is still to come.
#[derive(Debug)]
struct Frame {
    position: Position,
    flow: bool,
    anchor: usize,
    size: Size,
    content: Content,
}

/// What a node counts against [`MAX_COPIED`] and [`MAX_DEPTH`].
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    weight: usize,
    height: usize,
}

#[derive(Debug)]
enum Content {
    Sequence(Vec<Node>),
    Mapping(Entries),
}

/// The entries of a mapping so far.
#[derive(Debug, Default)]
struct Entries {
    list: Vec<(Key, Node)>,
    /// The indices of those that came by `<<`.
    merged: BTreeSet<usize>,
    awaited: Awaited,
}

/// What the next node of a mapping is.
#[derive(Debug, Default)]
enum Awaited {
    #[default]
    Key,
    /// The value of a key, or of what was refused as a key.
    Value(Option<Key>),
    /// What stands after `<<`.
    Merge,
}

impl<'t> Tree<'t> {
    pub(crate) fn new(file: &'t Arc<str>, complaints: &'t mut Vec<Diagnostic>) -> Self {
        Self {
            file,
            complaints,
            documents: Vec::new(),
            frames: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            copied: 0,
        }
    }

    /// Whether no limit of the whole text is reached.
    pub(crate) fn has_room(&self) -> bool {
        self.complaints.len() <= MAX_COMPLAINTS && self.nodes <= MAX_NODES
    }

    /// Forgets what is not finished, and the anchors, which hold for one document.
    pub(crate) fn abandon(&mut self) {
        self.frames.clear();
        self.anchors.clear();
    }

    /// Whether the innermost list or mapping is written in brackets.
    pub(crate) fn is_in_flow(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.flow)
    }

    /// An `anchor` of 0 is none, here and below.
    pub(crate) fn open_sequence(
        &mut self,
        flow: bool,
        anchor: usize,
        position: Position,
    ) -> Result<(), Abandoned> {
        self.open(Content::Sequence(Vec::new()), flow, anchor, position)
    }

    pub(crate) fn open_mapping(
        &mut self,
        flow: bool,
        anchor: usize,
        position: Position,
    ) -> Result<(), Abandoned> {
        self.open(Content::Mapping(Entries::default()), flow, anchor, position)
    }

    fn open(
        &mut self,
        content: Content,
        flow: bool,
        anchor: usize,
        position: Position,
    ) -> Result<(), Abandoned> {
        let size = Size { weight: 1, height: 1 };
        self.check_depth(size, position)?;
        self.frames
            .push(Frame { position, flow, anchor, size, content });
        Ok(())
    }

    /// The innermost list or mapping has come to its end.
    pub(crate) fn close(&mut self) -> Result<(), Abandoned> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let value = match frame.content {
            Content::Sequence(mut items) => {
                items.shrink_to_fit();
                Value::Sequence(items)
            }
            Content::Mapping(entries) => Value::Mapping(self.unique(entries)),
        };
        self.complete(Node { position: frame.position, value }, frame.size, frame.anchor)
    }

    /// The entries with each name once. Of a name written twice the first is kept. What `<<` brings
    /// replaces what stands before it and is replaced by what stands after it, as in Kubernetes.
    fn unique(&mut self, Entries { mut list, merged, .. }: Entries) -> Vec<(Key, Node)> {
        let keys = list.iter().enumerate();
        let mut keys: Vec<_> = keys
            .map(|(index, (key, _))| (&key.name, index, key.position))
            .collect();
        keys.sort_unstable();
        let mut dropped = BTreeSet::new();
        for same in keys
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|same| same.len() > 1)
        {
            let (mut first, mut kept) = (None, None);
            for (name, index, position) in same {
                match first {
                    Some(first) if !merged.contains(index) => {
                        let name = quoted(name);
                        let message =
                            format!("the key `{name}` stands twice: the first is at {first}");
                        let finding = Diagnostic::error(Code::DuplicateKey, message);
                        let help = "keep one of them: Kubernetes would take the last";
                        self.complain(*position, finding.help(help));
                        dropped.insert(*index);
                    }
                    Some(_) => dropped.extend(kept.replace(*index)),
                    None => {
                        dropped.extend(kept.replace(*index));
                        first = (!merged.contains(index)).then_some(position);
                    }
                }
            }
        }
        let mut indices = 0..;
        list.retain(|_| {
            indices
                .next()
                .is_some_and(|index| !dropped.contains(&index))
        });
        list.shrink_to_fit();
        list
    }

    /// A scalar of `length` bytes.
    pub(crate) fn scalar(
        &mut self,
        value: Value,
        length: usize,
        anchor: usize,
        position: Position,
    ) -> Result<(), Abandoned> {
        let size = Size { weight: 1 + length / 64, height: 0 };
        self.complete(Node { position, value }, size, anchor)
    }

    /// Takes `<<` where it stands for a key.
    pub(crate) fn begin_merge(&mut self) -> bool {
        match self.frames.last_mut() {
            Some(Frame { content: Content::Mapping(entries), .. }) if entries.awaits_key() => {
                entries.awaited = Awaited::Merge;
                true
            }
            Some(_) | None => false,
        }
    }

    pub(crate) fn alias(&mut self, anchor: usize, position: Position) -> Result<(), Abandoned> {
        let Some(size) = self.anchors.get(&anchor).map(|(_, size)| *size) else {
            let message = "no node with this anchor ends before this alias in its document";
            self.complain(position, Diagnostic::error(Code::Syntax, message));
            self.place(Node { position, value: Value::Null }, Size::default(), true);
            return Ok(());
        };
        self.check_depth(size, position)?;
        self.spend(size, position)?;
        let node = self.anchors.get(&anchor);
        let value = node.map_or(Value::Null, |(node, _)| node.value.clone());
        self.place(Node { position, value }, size, true);
        Ok(())
    }

    /// A node that stands in the text has come to its end.
    fn complete(&mut self, node: Node, size: Size, anchor: usize) -> Result<(), Abandoned> {
        if anchor != 0 {
            self.spend(size, node.position)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        self.place(node, size, false);
        Ok(())
    }

    /// Gives a node to the list or mapping that waits for it.
    fn place(&mut self, mut node: Node, size: Size, alias: bool) {
        let position = node.position;
        self.nodes += 1;
        if self.nodes == MAX_NODES + 1 {
            let message = format!("the text holds more than {MAX_NODES} values");
            self.complain(position, Diagnostic::error(Code::Limit, message));
        }
        let key = matches!(self.frames.last(), Some(Frame { content: Content::Mapping(entries), .. })
            if entries.awaits_key());
        if !key {
            node.value = scalar::settle(node.value).unwrap_or_else(|| {
                let message = "JSON, and so Kubernetes, has no infinities and no `.nan`";
                self.complain(position, Diagnostic::error(Code::BadValue, message));
                Value::Null
            });
        }
        let Some(frame) = self.frames.last_mut() else {
            if node.value != Value::Null {
                self.documents.push(node);
            }
            return;
        };
        frame.size.weight += size.weight;
        frame.size.height = frame.size.height.max(size.height + 1);
        let placed = match &mut frame.content {
            Content::Sequence(items) => {
                items.push(node);
                Ok(())
            }
            Content::Mapping(entries) => entries.place(node, alias),
        };
        if let Err(message) = placed {
            self.complain(position, Diagnostic::error(Code::Syntax, message));
        }
    }

    fn check_depth(&mut self, size: Size, position: Position) -> Result<(), Abandoned> {
        if self.frames.len() + size.height <= MAX_DEPTH { Ok(()) } else { self.too_deep(position) }
    }

    pub(crate) fn too_deep(&mut self, position: Position) -> Result<(), Abandoned> {
        let message = format!("lists and mappings are nested more than {MAX_DEPTH} deep");
        self.complain(position, Diagnostic::error(Code::Limit, message));
        Err(Abandoned)
    }

    /// Counts a copy before it is made.
    fn spend(&mut self, size: Size, position: Position) -> Result<(), Abandoned> {
        self.copied = self.copied.saturating_add(size.weight);
        if self.copied <= MAX_COPIED {
            return Ok(());
        }
        let message = format!("anchors and aliases copy more than {MAX_COPIED} values");
        self.complain(position, Diagnostic::error(Code::Limit, message));
        Err(Abandoned)
    }

    /// Adds a complaint about the node that is awaited; the one beyond [`MAX_COMPLAINTS`] says that
    /// it is the last.
    pub(crate) fn complain(&mut self, position: Position, mut finding: Diagnostic) {
        if self.complaints.len() > MAX_COMPLAINTS {
            return;
        }
        if self.complaints.len() == MAX_COMPLAINTS {
            let message = format!("more than {MAX_COMPLAINTS} complaints: the rest is not read");
            finding = Diagnostic::error(Code::Limit, message);
        }
        let mut path = FieldPath::root();
        for frame in &self.frames {
            match &frame.content {
                Content::Sequence(items) => path = path.item(items.len()),
                Content::Mapping(Entries { awaited: Awaited::Value(Some(key)), .. }) => {
                    path = path.field(&quoted(&key.name));
                }
                Content::Mapping(_) => {}
            }
        }
        self.complaints.push(finding.at(self.file, position, &path));
    }
}

impl Entries {
    fn awaits_key(&self) -> bool {
        matches!(self.awaited, Awaited::Key)
    }

    /// Takes a key, or the value that it waits for; an error says why the node cannot be one.
    fn place(&mut self, node: Node, alias: bool) -> Result<(), String> {
        match mem::take(&mut self.awaited) {
            Awaited::Key => {
                self.awaited = Awaited::Value(None);
                let name =
                    scalar::key(node.value).map_err(|what| format!("{what} cannot be a key"))?;
                self.awaited = Awaited::Value(Some(Key { name, position: node.position }));
            }
            Awaited::Value(key) => self.list.extend(key.map(|key| (key, node))),
            Awaited::Merge => {
                let before = self.list.len();
                let merged = mergeable(node.value, alias);
                self.list
                    .extend(merged.ok_or("`<<` takes a mapping or a list of mappings")?);
                self.merged.extend(before..self.list.len());
            }
        }
        Ok(())
    }
}

/// The entries that `<<` brings. Of a list the first mapping wins, so it comes last; an alias to a
/// list is none.
fn mergeable(value: Value, alias: bool) -> Option<Vec<(Key, Node)>> {
    if let Value::Mapping(entries) = value {
        return Some(entries);
    }
    let Value::Sequence(items) = value else { return None };
    let mut merged = Vec::new();
    for item in items.into_iter().rev() {
        let Value::Mapping(entries) = item.value else { return None };
        merged.extend(entries);
    }
    (!alias).then_some(merged)
}

/// A text as a message quotes it.
pub(crate) fn quoted(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}
