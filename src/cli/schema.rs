//! `schema`: the name of a document → its JSON Schema.

use super::args::Schema;
use super::exit::Exit;
use super::flags::{DocumentKind, Format};
use super::system::System;
use super::write;
use crate::report::{self, TableKind};

/// Prints the schema.
pub(crate) fn run(arguments: &Schema, system: &mut impl System) -> Exit {
    let schema = match arguments.document {
        DocumentKind::Answer => report::answer_schema(),
        DocumentKind::Complaint => report::complaint_schema(),
        DocumentKind::Settings => report::settings_schema(),
        DocumentKind::Suite => report::suite_schema(),
        DocumentKind::WhatCan => TableKind::WhatCan.schema(),
        DocumentKind::WhoCan => TableKind::WhoCan.schema(),
    };
    write(system, Format::Json, &schema);
    Exit::Yes
}
