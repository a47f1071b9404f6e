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

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::logic::sql::statement::Statement;

    #[test]
    fn a_statement_says_which_database_it_wants_for_itself() {
        let of = |sql: &str| {
            let (parsed, _) = parse(sql, false).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            let Statement::Utility(utility) = &parsed[0].statement else { panic!("{sql}") };
            utility.vacates.as_ref().map(|it| (it.database.to_string(), it.aim))
        };
        let alone = |name: &str, aim| Some((name.to_owned(), aim));
        assert_eq!(of("DROP DATABASE IF EXISTS Old"), alone("old", Aim::Drop));
        assert_eq!(of("DROP DATABASE \"Old\" WITH (FORCE)"), alone("Old", Aim::DropByForce));
        assert_eq!(of("ALTER DATABASE old RENAME TO new"), alone("old", Aim::Rename));
        assert_eq!(of("ALTER DATABASE old SET TABLESPACE fast"), alone("old", Aim::Move));
        assert_eq!(of("CREATE DATABASE new TEMPLATE old OWNER app"), alone("old", Aim::Copy));
        assert_eq!(of("CREATE DATABASE new TEMPLATE = 'Old'"), alone("Old", Aim::Copy));
        assert_eq!(of("CREATE DATABASE new"), alone("template1", Aim::Copy));
        assert_eq!(of("CREATE DATABASE new TEMPLATE DEFAULT"), alone("template1", Aim::Copy));
        assert_eq!(of("ALTER DATABASE old SET work_mem = '1MB'"), None);
        assert_eq!(of("ALTER DATABASE old CONNECTION LIMIT 5"), None);
        assert_eq!(of("ALTER TABLE old RENAME TO new"), None);
    }
}
