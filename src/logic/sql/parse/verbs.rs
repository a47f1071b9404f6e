//! What PostgreSQL calls the statements that are not queries, and how far they go.

use pg_raw_parse::Node;
use pg_raw_parse::nodes::{ObjectType, ReindexObjectType};

use super::super::statement::Reach;

/// Its name, and whether it changes the schema. `None`: a node that is no statement we know.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed is refused")]
#[expect(clippy::too_many_lines, reason = "one flat table")]
pub(super) fn verb(node: Node<'_>) -> Option<(&'static str, bool)> {
    let (verb, is_ddl) = match node {
        Node::AlterCollationStmt(_) => ("ALTER COLLATION", true),
        Node::AlterDatabaseRefreshCollStmt(_) | Node::AlterDatabaseSetStmt(_) | Node::AlterDatabaseStmt(_) => {
            ("ALTER DATABASE", true)
        }
        Node::AlterDefaultPrivilegesStmt(_) => ("ALTER DEFAULT PRIVILEGES", true),
        Node::AlterDomainStmt(_) => ("ALTER DOMAIN", true),
        Node::AlterEnumStmt(_) | Node::AlterTypeStmt(_) => ("ALTER TYPE", true),
        Node::AlterEventTrigStmt(_) => ("ALTER EVENT TRIGGER", true),
        Node::AlterExtensionContentsStmt(_) | Node::AlterExtensionStmt(_) => ("ALTER EXTENSION", true),
        Node::AlterFdwStmt(_) => ("ALTER FOREIGN DATA WRAPPER", true),
        Node::AlterForeignServerStmt(_) => ("ALTER SERVER", true),
        Node::AlterFunctionStmt(_) => ("ALTER FUNCTION", true),
        Node::AlterObjectDependsStmt(_) => ("ALTER DEPENDS", true),
        Node::AlterObjectSchemaStmt(_) => ("ALTER SET SCHEMA", true),
        Node::AlterOpFamilyStmt(_) => ("ALTER OPERATOR FAMILY", true),
        Node::AlterOperatorStmt(_) => ("ALTER OPERATOR", true),
        Node::AlterOwnerStmt(_) => ("ALTER OWNER", true),
        Node::AlterPolicyStmt(_) => ("ALTER POLICY", true),
        Node::AlterPublicationStmt(_) => ("ALTER PUBLICATION", true),
        Node::AlterRoleSetStmt(_) | Node::AlterRoleStmt(_) => ("ALTER ROLE", true),
        Node::AlterSeqStmt(_) => ("ALTER SEQUENCE", true),
        Node::AlterStatsStmt(_) => ("ALTER STATISTICS", true),
        Node::AlterSubscriptionStmt(_) => ("ALTER SUBSCRIPTION", true),
        Node::AlterTSConfigurationStmt(_) => ("ALTER TEXT SEARCH CONFIGURATION", true),
        Node::AlterTSDictionaryStmt(_) => ("ALTER TEXT SEARCH DICTIONARY", true),
        Node::AlterTableMoveAllStmt(_) | Node::AlterTableStmt(_) | Node::ReplicaIdentityStmt(_) => {
            ("ALTER TABLE", true)
        }
        Node::AlterTableSpaceOptionsStmt(_) => ("ALTER TABLESPACE", true),
        Node::AlterUserMappingStmt(_) => ("ALTER USER MAPPING", true),
        Node::CommentStmt(_) => ("COMMENT", true),
        Node::CompositeTypeStmt(_) | Node::CreateEnumStmt(_) | Node::CreateRangeStmt(_) => ("CREATE TYPE", true),
        Node::CreateAmStmt(_) => ("CREATE ACCESS METHOD", true),
        Node::CreateCastStmt(_) => ("CREATE CAST", true),
        Node::CreateConversionStmt(_) => ("CREATE CONVERSION", true),
        Node::CreateDomainStmt(_) => ("CREATE DOMAIN", true),
        Node::CreateEventTrigStmt(_) => ("CREATE EVENT TRIGGER", true),
        Node::CreateExtensionStmt(_) => ("CREATE EXTENSION", true),
        Node::CreateFdwStmt(_) => ("CREATE FOREIGN DATA WRAPPER", true),
        Node::CreateForeignServerStmt(_) => ("CREATE SERVER", true),
        Node::CreateFunctionStmt(_) => ("CREATE FUNCTION", true),
        Node::CreateOpClassStmt(_) => ("CREATE OPERATOR CLASS", true),
        Node::CreateOpFamilyStmt(_) => ("CREATE OPERATOR FAMILY", true),
        Node::CreatePLangStmt(_) => ("CREATE LANGUAGE", true),
        Node::CreatePolicyStmt(_) => ("CREATE POLICY", true),
        Node::CreatePublicationStmt(_) => ("CREATE PUBLICATION", true),
        Node::CreateRoleStmt(_) => ("CREATE ROLE", true),
        Node::CreateSchemaStmt(_) => ("CREATE SCHEMA", true),
        Node::CreateSeqStmt(_) => ("CREATE SEQUENCE", true),
        Node::CreateStatsStmt(_) => ("CREATE STATISTICS", true),
        Node::CreateSubscriptionStmt(_) => ("CREATE SUBSCRIPTION", true),
        Node::CreateTableSpaceStmt(_) => ("CREATE TABLESPACE", true),
        Node::CreateTransformStmt(_) => ("CREATE TRANSFORM", true),
        Node::CreateTrigStmt(_) => ("CREATE TRIGGER", true),
        Node::CreateUserMappingStmt(_) => ("CREATE USER MAPPING", true),
        Node::CreatedbStmt(_) => ("CREATE DATABASE", true),
        Node::DefineStmt(_) => ("CREATE TYPE OR OPERATOR", true),
        Node::DropOwnedStmt(_) => ("DROP OWNED", true),
        Node::DropRoleStmt(_) => ("DROP ROLE", true),
        Node::DropStmt(_) => ("DROP", true),
        Node::DropSubscriptionStmt(_) => ("DROP SUBSCRIPTION", true),
        Node::DropTableSpaceStmt(_) => ("DROP TABLESPACE", true),
        Node::DropUserMappingStmt(_) => ("DROP USER MAPPING", true),
        Node::DropdbStmt(_) => ("DROP DATABASE", true),
        Node::GrantRoleStmt(_) => ("GRANT ROLE", true),
        Node::GrantStmt(_) => ("GRANT", true),
        Node::ImportForeignSchemaStmt(_) => ("IMPORT FOREIGN SCHEMA", true),
        Node::IndexStmt(_) => ("CREATE INDEX", true),
        Node::ReassignOwnedStmt(_) => ("REASSIGN OWNED", true),
        Node::RefreshMatViewStmt(_) => ("REFRESH MATERIALIZED VIEW", true),
        Node::RenameStmt(_) => ("ALTER RENAME", true),
        Node::RuleStmt(_) => ("CREATE RULE", true),
        Node::SecLabelStmt(_) => ("SECURITY LABEL", true),
        Node::ViewStmt(_) => ("CREATE VIEW", true),
        Node::TruncateStmt(_) => ("TRUNCATE", false),
        Node::LockStmt(_) => ("LOCK TABLE", false),
        Node::VacuumStmt(it) => (if it.is_vacuumcmd { "VACUUM" } else { "ANALYZE" }, false),
        Node::ClusterStmt(_) => ("CLUSTER", false),
        Node::ReindexStmt(_) => ("REINDEX", false),
        Node::CheckPointStmt(_) => ("CHECKPOINT", false),
        Node::LoadStmt(_) => ("LOAD", false),
        Node::AlterSystemStmt(_) => ("ALTER SYSTEM", false),
        _ => return None,
    };
    Some((verb, is_ddl))
}

/// How far it goes: what belongs to a transaction, what does not, and what is one server's.
#[expect(clippy::wildcard_enum_match_arm, reason = "the exceptions are listed")]
pub(super) fn reach(node: Node<'_>) -> Reach {
    match node {
        Node::VacuumStmt(it) => {
            if it.is_vacuumcmd {
                Reach::Outside
            } else {
                Reach::Upkeep
            }
        }
        Node::IndexStmt(it) if it.concurrent => Reach::Outside,
        Node::DropStmt(it) if it.concurrent => Reach::Outside,
        Node::ReindexStmt(it) => {
            let is_concurrent = it.params().iter().any(|option| option.defname() == Some("concurrently"));
            let is_one =
                matches!(it.kind, ReindexObjectType::REINDEX_OBJECT_TABLE | ReindexObjectType::REINDEX_OBJECT_INDEX);
            if is_concurrent || !is_one { Reach::Outside } else { Reach::Upkeep }
        }
        Node::ClusterStmt(it) => {
            if it.relation().is_none() {
                Reach::Outside
            } else {
                Reach::Upkeep
            }
        }
        Node::CheckPointStmt(_) => Reach::Upkeep,
        Node::LockStmt(_) => Reach::Block,
        Node::CreateRoleStmt(_)
        | Node::AlterRoleStmt(_)
        | Node::AlterRoleSetStmt(_)
        | Node::DropRoleStmt(_)
        | Node::GrantRoleStmt(_)
        | Node::DropOwnedStmt(_)
        | Node::ReassignOwnedStmt(_) => Reach::Roles,
        Node::RenameStmt(it) if it.rename_type == ObjectType::OBJECT_ROLE => Reach::Roles,
        node if object_of(node).is_some_and(is_shared) => Reach::Server,
        Node::CreatedbStmt(_)
        | Node::DropdbStmt(_)
        | Node::AlterDatabaseStmt(_)
        | Node::AlterDatabaseSetStmt(_)
        | Node::AlterDatabaseRefreshCollStmt(_)
        | Node::CreateTableSpaceStmt(_)
        | Node::DropTableSpaceStmt(_)
        | Node::AlterTableSpaceOptionsStmt(_)
        | Node::AlterTableMoveAllStmt(_)
        | Node::AlterSystemStmt(_)
        | Node::LoadStmt(_)
        | Node::CreatePublicationStmt(_)
        | Node::AlterPublicationStmt(_)
        | Node::CreateSubscriptionStmt(_)
        | Node::AlterSubscriptionStmt(_)
        | Node::DropSubscriptionStmt(_)
        | Node::ImportForeignSchemaStmt(_)
        | Node::SecLabelStmt(_)
        | Node::RefreshMatViewStmt(_) => Reach::Server,
        _ => Reach::Database,
    }
}

/// The kind of object that it is about, where the statement is the same for several kinds.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others are about one kind each")]
fn object_of(node: Node<'_>) -> Option<ObjectType::Type> {
    match node {
        Node::CommentStmt(it) => Some(it.objtype),
        Node::AlterOwnerStmt(it) => Some(it.object_type),
        Node::RenameStmt(it) => Some(it.rename_type),
        Node::DropStmt(it) => Some(it.remove_type),
        Node::GrantStmt(it) => Some(it.objtype),
        _ => None,
    }
}

/// Do event triggers run with it, if it changes the schema (manual, 40.1)?
#[expect(clippy::wildcard_enum_match_arm, reason = "the exceptions are listed")]
pub(super) fn fires(node: Node<'_>) -> bool {
    let is_of_database = |object: ObjectType::Type| {
        !matches!(
            object,
            ObjectType::OBJECT_DATABASE
                | ObjectType::OBJECT_TABLESPACE
                | ObjectType::OBJECT_ROLE
                | ObjectType::OBJECT_PARAMETER_ACL
                | ObjectType::OBJECT_EVENT_TRIGGER
        )
    };
    match node {
        Node::SecLabelStmt(it) => is_of_database(it.objtype),
        Node::CreateEventTrigStmt(_)
        | Node::AlterEventTrigStmt(_)
        | Node::CreateRoleStmt(_)
        | Node::AlterRoleStmt(_)
        | Node::AlterRoleSetStmt(_)
        | Node::DropRoleStmt(_)
        | Node::GrantRoleStmt(_)
        | Node::CreatedbStmt(_)
        | Node::DropdbStmt(_)
        | Node::AlterDatabaseStmt(_)
        | Node::AlterDatabaseSetStmt(_)
        | Node::AlterDatabaseRefreshCollStmt(_)
        | Node::CreateTableSpaceStmt(_)
        | Node::DropTableSpaceStmt(_)
        | Node::AlterTableSpaceOptionsStmt(_) => false,
        node => object_of(node).is_none_or(is_of_database),
    }
}

/// What one server has for all its databases, or for others that connect to it.
fn is_shared(object: ObjectType::Type) -> bool {
    matches!(
        object,
        ObjectType::OBJECT_DATABASE
            | ObjectType::OBJECT_TABLESPACE
            | ObjectType::OBJECT_ROLE
            | ObjectType::OBJECT_PUBLICATION
            | ObjectType::OBJECT_SUBSCRIPTION
            | ObjectType::OBJECT_PARAMETER_ACL
            | ObjectType::OBJECT_LARGEOBJECT
    )
}
