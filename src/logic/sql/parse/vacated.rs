//! Statements on a database that nobody else may be in.

use pg_raw_parse::Node;
use pg_raw_parse::list::CastNodeList;
use pg_raw_parse::nodes::{DefElem, ObjectType};

use super::super::statement::{Aim, Vacated};

/// What CREATE DATABASE copies where nothing else is said.
const DEFAULT_TEMPLATE: &str = "template1";

/// The database, where there is one.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other statements let others go on")]
pub(super) fn vacated(node: Node<'_>) -> Option<Vacated> {
    let (database, aim) = match node {
        Node::DropdbStmt(it) => {
            let is_force = |option| matches!(option, Node::DefElem(option) if option.defname() == Some("force"));
            (it.dbname(), if it.options().iter().any(is_force) { Aim::DropByForce } else { Aim::Drop })
        }
        Node::RenameStmt(it) if it.rename_type == ObjectType::OBJECT_DATABASE => (it.subname(), Aim::Rename),
        Node::AlterDatabaseStmt(it) if option(it.options(), "tablespace").is_some() => (it.dbname(), Aim::Move),
        Node::CreatedbStmt(it) => {
            let template = option(it.options(), "template").and_then(|option| option.arg().as_str());
            (Some(template.unwrap_or(DEFAULT_TEMPLATE)), Aim::Copy)
        }
        _ => return None,
    };
    Some(Vacated { database: database?.into(), aim })
}

fn option<'a>(options: &'a CastNodeList<DefElem>, name: &str) -> Option<&'a DefElem> {
    options.iter().find(|option| option.defname() == Some(name))
}
