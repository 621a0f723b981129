//! Findings about text: code, severity, place, field path, message and help.

use std::fmt;
use std::sync::Arc;

/// A place in a text: 1-based line and column, the column counted in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
}

impl Position {
    /// The first character of a text.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A place in a named text; prints as `file:line:column`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The file's name as the caller gave it; `-` is standard input.
    pub file: Arc<str>,
    /// The place in it.
    pub position: Position,
}

impl Origin {
    /// The place `position` in `file`.
    #[must_use]
    pub fn new(file: &Arc<str>, position: Position) -> Self {
        Self { file: Arc::clone(file), position }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.position)
    }
}

/// A value and the place where it was written, in the text of the resource that holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sourced<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub position: Position,
}

impl<T> Sourced<T> {
    /// `value`, written at `position`.
    pub const fn new(value: T, position: Position) -> Self {
        Self { value, position }
    }
}

/// The path of a field as `kubectl` prints it: `spec.rules[0].from[1].source`. Empty for a whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(String);

impl FieldPath {
    /// The path of the whole document.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// This path, then the field `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }

    /// This path, then the item `index` of a list.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Understood, but worth a look.
    Warning,
    /// Not understood, or something that a cluster would refuse: no answer is given on top of it.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Declares [`Code`]: one row a code, with its number and the sentence that `docs/errors.md` prints.
macro_rules! codes {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        /// The stable code of a finding, `PC` and three digits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $meaning] $name,)* }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// `PC` and three digits.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $number,)* }
            }

            /// What a finding with this code says, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

codes! {
    Unreadable = "PC901", "A file or pattern could not be read.";
    Syntax = "PC902", "The text is not YAML or JSON.";
    Limit = "PC903", "The text is nested, aliased or long beyond what is read.";
    WrongType = "PC904", "A value has another type than the field takes.";
    UnknownField = "PC905", "A field that this kind does not have.";
    DuplicateKey = "PC906", "A key stands twice in one mapping.";
    MissingField = "PC907", "A field that must be there is absent.";
    BadValue = "PC908", "A value that the field does not take.";
    DuplicateResource = "PC909", "A resource of the same kind, namespace and name is defined twice.";
    UnsupportedVersion = "PC910", "An `apiVersion` of a known kind that is not understood.";
    Refused = "PC911", "The API server or Istio's webhook would refuse this resource.";
    WouldWarn = "PC912", "Istio's webhook accepts this resource with a warning.";
    UnknownName = "PC913", "A workload, Service or namespace that the files do not know.";
    BadRequest = "PC914", "The question cannot be asked as it is written.";
    UndecidedOrder = "PC915", "Two policies compete and the files do not say which is older.";
    CertificateUnreadable = "PC940", "A file with certificates, keys or requests cannot be read as such.";
    CertificateRefused = "PC941", "A certificate does not verify.";
    EnvoyDiffers = "PC942", "Envoy and the SPIFFE standard read a certificate differently.";
    CertificateAuthority = "PC943", "The certificate authority cannot do what is asked.";
    NotYetModelled = "PC916", "A resource that can change the answer is not evaluated yet.";
    BadSuppression = "PC917", "An annotation or setting that is meant to silence a lint and does not.";
    GuardFails = "PC918", "A case of a guard fails without any change, so that it keeps no change out.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One finding. `origin` is absent where the finding is about words on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// How grave it is.
    pub severity: Severity,
    /// Where it is.
    pub origin: Option<Origin>,
    /// Which field it is about; empty where it is about a whole text.
    pub path: FieldPath,
    /// What is wrong: a lower-case fragment, input in backticks.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at no place yet.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            origin: None,
            path: FieldPath::root(),
            message: message.into(),
            help: None,
        }
    }

    /// A warning at no place yet.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same finding, placed.
    #[must_use]
    pub fn at(mut self, file: &Arc<str>, position: Position, path: &FieldPath) -> Self {
        self.origin = Some(Origin::new(file, position));
        self.path = path.clone();
        self
    }

    /// The same finding with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// `error[PC905]: unknown field …`, the place, the help; several lines, no trailing newline.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.code, printable(&self.message))?;
        if let Some(origin) = &self.origin {
            write!(f, "\n  --> {origin}")?;
            if !self.path.as_str().is_empty() {
                write!(f, " {}", printable(self.path.as_str()))?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n   = help: {}", printable(help))?;
        }
        Ok(())
    }
}

/// `text` with control and direction-changing characters written as escapes, so that input can never
/// drive a terminal or hide what a line says.
#[must_use]
pub fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if !text.chars().any(hidden) {
        return text.to_owned();
    }
    text.chars()
        .flat_map(|c| -> Vec<char> {
            if hidden(c) { c.escape_default().collect() } else { vec![c] }
        })
        .collect()
}

/// One or more findings; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// `Err` with all findings where one of them is an error, else `Ok` with the warnings.
    ///
    /// # Errors
    /// All findings, when at least one is an error.
    pub fn gate(findings: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, Self> {
        if findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
        {
            return Err(Self(findings));
        }
        Ok(findings)
    }

    /// The findings in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// The findings as a list.
    #[must_use]
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(first: Diagnostic) -> Self {
        Self(vec![first])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_prints_its_place_field_and_advice() {
        let finding = Diagnostic::error(Code::UnknownField, "unknown field `principal`")
            .at(
                &Arc::from("a.yaml"),
                Position { line: 14, column: 13 },
                &FieldPath::root().field("spec"),
            )
            .help("did you mean `principals`?");
        assert_eq!(
            finding.to_string(),
            "error[PC905]: unknown field `principal`\n  --> a.yaml:14:13 spec\n   = help: did you mean `principals`?"
        );
    }

    #[test]
    fn control_and_direction_characters_are_escaped() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}b"), "a\\u{1b}[31m\\u{202e}b");
    }

    #[test]
    fn warnings_alone_pass_the_gate() {
        let warning = Diagnostic::warning(Code::WouldWarn, "w");
        assert_eq!(Diagnostics::gate(vec![warning.clone()]), Ok(vec![warning.clone()]));
        assert!(Diagnostics::gate(vec![warning, Diagnostic::error(Code::Syntax, "e")]).is_err());
    }
}
