//! A file of accepted mutants → their names and the reason of each.

use std::sync::Arc;

use super::file::required;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::parse::reader::Reader;
use crate::parse::yaml::{Dialect, documents_in};

/// The kind of the file.
const KIND: &str = "AcceptedMutants";

/// A mutant that may survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its name, as `mutate` prints it.
    pub mutant: String,
    /// The end of the path of the policy's file; absent: any.
    pub file: Option<String>,
    /// Why it may.
    pub reason: String,
}

/// Reads one text. Complaints are appended.
pub fn accepted(file: &str, text: &str, findings: &mut Vec<Diagnostic>) -> Vec<Accepted> {
    let file: Arc<str> = Arc::from(file);
    let documents = documents_in(Dialect::Suite, &file, text, findings);
    let mut reader = Reader { file: Arc::clone(&file), complaints: findings };
    let mut list = Vec::new();
    for document in &documents {
        let Some(mut fields) = reader.fields(&(document, FieldPath::root())) else { continue };
        let api_version = required(&mut reader, &mut fields, "apiVersion");
        let kind = required(&mut reader, &mut fields, "kind");
        let is_it = api_version.as_deref() == Some(super::file::API_VERSION)
            && kind.as_deref() == Some(KIND);
        if !is_it {
            let message = "this is no list of accepted mutants";
            reader
                .complain_at(
                    document.position,
                    &FieldPath::root(),
                    Code::UnsupportedVersion,
                    message,
                )
                .help = Some(format!(
                "it begins with `apiVersion: {}` and `kind: {KIND}`",
                super::file::API_VERSION
            ));
            continue;
        }
        let entries = fields.take("accepted").map(|place| reader.items(&place));
        for place in entries.unwrap_or_default() {
            let Some(mut fields) = reader.fields(&place) else { continue };
            let mutant = required(&mut reader, &mut fields, "mutant");
            let reason = required(&mut reader, &mut fields, "reason");
            let file = super::file::string(&mut reader, &mut fields, "file");
            reader.finish(fields);
            if let (Some(mutant), Some(reason)) = (mutant, reason) {
                list.push(Accepted { mutant, file, reason });
            }
        }
        reader.finish(fields);
    }
    list
}
