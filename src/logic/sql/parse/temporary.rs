//! What lies in the schema of temporary objects, which only one server of a session has.

use pg_raw_parse::list::{CastNodeList, NodeList};
use pg_raw_parse::{Node, nodes};

/// What a session calls its own.
pub(super) const SCHEMA: &str = "pg_temp";

/// Does it make, change or drop a type, a function or the like in there? Tables, views, indexes and sequences are told by
/// their names.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other statements name tables, or what no schema has")]
pub(super) fn concerns(node: Node<'_>) -> bool {
    match node {
        Node::CreateEnumStmt(it) => begins_there(strings(it.type_name())),
        Node::CreateRangeStmt(it) => begins_there(strings(it.type_name())),
        Node::CreateDomainStmt(it) => begins_there(strings(it.domainname())),
        Node::CompositeTypeStmt(it) => it.typevar().is_some_and(|name| name.schemaname() == Some(SCHEMA)),
        Node::DefineStmt(it) => begins_there(strings(it.defnames())),
        Node::CreateFunctionStmt(it) => begins_there(words(it.funcname())),
        Node::AlterEnumStmt(it) => begins_there(strings(it.type_name())),
        Node::AlterTypeStmt(it) => begins_there(words(it.type_name())),
        Node::AlterDomainStmt(it) => begins_there(words(it.type_name())),
        Node::AlterFunctionStmt(it) => it.func().is_some_and(|function| begins_there(words(function.objname()))),
        Node::RenameStmt(it) => is_there(it.object()),
        Node::AlterOwnerStmt(it) => is_there(it.object()),
        Node::AlterObjectSchemaStmt(it) => is_there(it.object()),
        Node::CommentStmt(it) => is_there(it.object()),
        Node::DropStmt(it) => it.objects().iter().any(is_there),
        _ => false,
    }
}

/// A type or a function by its name.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other objects are tables and what belongs to them, or roles")]
fn is_there(object: Node<'_>) -> bool {
    match object {
        Node::TypeName(name) => begins_there(strings(name.names())),
        Node::ObjectWithArgs(function) => begins_there(words(function.objname())),
        _ => false,
    }
}

fn strings(list: &CastNodeList<nodes::String>) -> impl Iterator<Item = &str> {
    list.iter().filter_map(|part| part.sval())
}

fn words(list: &NodeList) -> impl Iterator<Item = &str> {
    list.iter().filter_map(Node::as_str)
}

fn begins_there<'a>(mut name: impl Iterator<Item = &'a str>) -> bool {
    name.next() == Some(SCHEMA) && name.next().is_some()
}
