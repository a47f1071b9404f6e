//! DDL and administration: which tables they name, and what they do to them.

use pg_raw_parse::nodes::{
    self, AlterTableType, CmdType, ConstrType, DropBehavior, GrantTargetType, ObjectType, ReindexObjectType,
    TableLikeOption,
};
use pg_raw_parse::{Node, list::NodeList};

use super::super::statement::{Column, Count, CreateTable, RelationName, Rule, Statement, Step, Utility, Wakes};
use super::expression::type_name;
use super::{Convert, names, relation, temporary, vacated, verbs};

impl Convert {
    /// DDL and administration.
    pub(super) fn utility(&mut self, node: Node<'_>) -> Statement {
        let Some((verb, is_ddl)) = verbs::verb(node) else {
            return Statement::Unknown("a statement that shardway does not know");
        };
        if let Node::CreateSchemaStmt(create) = node
            && !create.schema_elts().is_empty()
        {
            return Statement::Unknown("CREATE SCHEMA with what is to be in it");
        }
        let query = if let Node::ViewStmt(it) = node { Some(Box::new(self.statement(it.query()))) } else { None };
        Statement::Utility(Utility {
            verb,
            relations: relations(node),
            belongings: belongings(node),
            steps: self.steps(node),
            query,
            bends: bends(node),
            wakes: wakes(node),
            alters_columns: alters_columns(node),
            is_ddl,
            fires: is_ddl && verbs::fires(node),
            is_temporary: temporary::concerns(node),
            reach: verbs::reach(node),
            vacates: vacated::vacated(node),
        })
    }

    /// CREATE TABLE.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a table is made of nothing else")]
    pub(super) fn create_table(&mut self, create: &nodes::CreateStmt) -> Option<CreateTable> {
        let name = relation(create.relation()?);
        let mut steps = Vec::new();
        for element in create.table_elts() {
            match element {
                Node::ColumnDef(column) => self.column(column, false, &mut steps),
                Node::Constraint(constraint) => steps.extend(rule(constraint, None)),
                Node::TableLikeClause(like) => steps.extend(like.relation().map(|source| Step::Like {
                    source: relation(source),
                    with_indexes: like.options & TableLikeOption::CREATE_TABLE_LIKE_INDEXES != 0,
                })),
                _ => (),
            }
        }
        steps.extend(create.constraints().iter().filter_map(|constraint| rule(constraint, None)));
        let parents = create.inh_relations();
        match create.partbound() {
            Some(_) => steps.extend(ranges(parents).into_iter().map(Step::Partition)),
            None if !parents.is_empty() => steps.push(Step::Inherits("INHERITS", ranges(parents))),
            None => (),
        }
        if create.of_typename().is_some() {
            steps.push(Step::Inherits("OF a type", Vec::new()));
        }
        Some(CreateTable { name, steps })
    }

    fn column(&mut self, column: &nodes::ColumnDef, is_added: bool, steps: &mut Vec<Step>) {
        let name: Box<str> = column.colname().unwrap_or_default().into();
        let type_name = column.type_name().map(type_name);
        let is_serial = type_name.as_ref().is_some_and(|it| {
            matches!(
                it.names.last().map(Box::as_ref),
                Some("serial" | "serial2" | "serial4" | "serial8" | "bigserial" | "smallserial")
            )
        });
        let (mut is_numbered, mut default, mut rules) = (is_serial, self.maybe(column.raw_default()), Vec::new());
        let mut is_generated = false;
        for constraint in column.constraints() {
            let Node::Constraint(constraint) = constraint else { continue };
            match constraint.contype {
                ConstrType::CONSTR_IDENTITY => {
                    is_numbered = true;
                    rules.push(Step::Count(count(constraint.options(), true)));
                }
                ConstrType::CONSTR_GENERATED => is_generated = true,
                ConstrType::CONSTR_DEFAULT => default = self.maybe(constraint.raw_expr()),
                _ => rules.extend(rule(constraint, Some(&name))),
            }
        }
        steps.push(Step::Column(Column { name, type_name, is_numbered, is_generated, default, is_added }));
        steps.append(&mut rules);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed does nothing to where rows live")]
    fn steps(&mut self, node: Node<'_>) -> Vec<Step> {
        let text = |name: Option<&str>| -> Box<str> { name.unwrap_or_default().into() };
        match node {
            Node::AlterTableStmt(it) => {
                let mut steps = Vec::new();
                // Of an index (ATTACH PARTITION) nothing is told: it goes where its table is.
                for command in it.cmds().into_iter().filter(|_| it.objtype != ObjectType::OBJECT_INDEX) {
                    if let Node::AlterTableCmd(command) = command {
                        self.alteration(command, &mut steps);
                    }
                }
                steps
            }
            Node::IndexStmt(it) if it.unique => vec![Step::Rule(Rule::Unique(plain_columns(it.index_params())))],
            Node::RenameStmt(it) => match it.rename_type {
                ObjectType::OBJECT_COLUMN => vec![Step::RenameColumn(text(it.subname()))],
                ObjectType::OBJECT_TABLE | ObjectType::OBJECT_VIEW | ObjectType::OBJECT_MATVIEW => {
                    vec![Step::Rename(text(it.newname()))]
                }
                ObjectType::OBJECT_SCHEMA => vec![Step::RenameSchema(text(it.subname()))],
                _ => Vec::new(),
            },
            Node::AlterObjectSchemaStmt(it) if it.object_type == ObjectType::OBJECT_TABLE => {
                vec![Step::Move(text(it.newschema()))]
            }
            // It makes a view of the table, before PostgreSQL 16: rows of others, as those of a parent are.
            Node::RuleStmt(it) if it.event == CmdType::CMD_SELECT => {
                vec![Step::Inherits("a rule ON SELECT", Vec::new())]
            }
            Node::CreateSeqStmt(it) => vec![Step::Count(count(it.options(), true))],
            Node::AlterSeqStmt(it) => vec![Step::Count(count(it.options(), false))],
            _ => Vec::new(),
        }
    }

    fn alteration(&mut self, command: &nodes::AlterTableCmd, steps: &mut Vec<Step>) {
        let name = || -> Box<str> { command.name().unwrap_or_default().into() };
        match (command.subtype, command.def()) {
            (AlterTableType::AT_AddColumn, Node::ColumnDef(column)) => self.column(column, true, steps),
            (AlterTableType::AT_AddConstraint, Node::Constraint(constraint)) => steps.extend(rule(constraint, None)),
            (AlterTableType::AT_DropColumn, _) => steps.push(Step::DropColumn(name())),
            (AlterTableType::AT_AlterColumnType, Node::ColumnDef(column)) => {
                steps.push(Step::Retype(name(), self.maybe(column.raw_default())));
            }
            (
                AlterTableType::AT_AttachPartition | AlterTableType::AT_DetachPartition,
                Node::PartitionCmd(partition),
            ) => {
                steps.extend(partition.name().map(|it| Step::Partition(relation(it))));
            }
            (AlterTableType::AT_AddInherit, Node::RangeVar(parent)) => {
                steps.push(Step::Inherits("INHERIT", vec![relation(parent)]));
            }
            (AlterTableType::AT_DropInherit, _) => steps.push(Step::Inherits("NO INHERIT", Vec::new())),
            (AlterTableType::AT_AddOf | AlterTableType::AT_DropOf, _) => {
                steps.push(Step::Inherits("OF a type", Vec::new()));
            }
            (AlterTableType::AT_AddIdentity, Node::Constraint(constraint)) => {
                steps.push(Step::Count(count(constraint.options(), true)));
            }
            (AlterTableType::AT_SetIdentity, Node::NodeList(options)) => {
                let count = count(options, false);
                // It has no name here by which its shards could be told where to go on.
                let option = count.option.or(count.restarts.map(|_| "RESTART WITH"));
                steps.push(Step::Count(Count { option, ..count }));
            }
            _ => (),
        }
    }
}

/// A constraint; one that stands behind a column is of that column.
fn rule(constraint: &nodes::Constraint, column: Option<&str>) -> Option<Step> {
    let or_column = |listed: Vec<Box<str>>| match column {
        Some(column) if listed.is_empty() => vec![Box::from(column)],
        Some(_) | None => listed,
    };
    Some(Step::Rule(match constraint.contype {
        // An index that is there has been looked at when it was made.
        ConstrType::CONSTR_PRIMARY | ConstrType::CONSTR_UNIQUE if constraint.indexname().is_some() => return None,
        ConstrType::CONSTR_PRIMARY | ConstrType::CONSTR_UNIQUE => Rule::Unique(or_column(names(constraint.keys()))),
        ConstrType::CONSTR_EXCLUSION => Rule::Exclusion(compared_columns(constraint.exclusions())),
        ConstrType::CONSTR_FOREIGN => {
            let columns = or_column(names(constraint.fk_attrs()));
            let (update, delete) = (constraint.fk_upd_action as u8, constraint.fk_del_action as u8);
            let listed = names(constraint.fk_del_set_cols());
            let reset = match (update, delete) {
                (b'n' | b'd', _) => columns.clone(),
                (_, b'n' | b'd') if listed.is_empty() => columns.clone(),
                (_, b'n' | b'd') => listed,
                _ => Vec::new(),
            };
            let cascaded = if update == b'c' { columns.clone() } else { Vec::new() };
            let (to, to_columns) = (relation(constraint.pktable()?), names(constraint.pk_attrs()));
            Rule::Reference { columns, to, to_columns, cascaded, reset }
        }
        _ => return None,
    }))
}

/// The columns of an index that stand there by themselves and compare as they always do.
fn plain_columns<'n>(elements: impl IntoIterator<Item = &'n nodes::IndexElem>) -> Vec<Box<str>> {
    let plain = elements.into_iter().filter(|it| it.collation().is_empty() && it.opclass().is_empty());
    plain.filter_map(|element| element.name().map(Box::from)).collect()
}

/// The columns of an exclusion constraint that are compared with `=`.
fn compared_columns(exclusions: &NodeList) -> Vec<Box<str>> {
    let compared = exclusions.iter().filter_map(|pair| {
        let pair = pair.as_node_list()?;
        let (Some(Node::IndexElem(element)), Some(Node::NodeList(operator))) = (pair.get(0), pair.get(1)) else {
            return None;
        };
        matches!(names(operator).as_slice(), [one] if &**one == "=").then_some(element)
    });
    plain_columns(compared)
}

/// The options of a sequence.
fn count(options: &NodeList, is_new: bool) -> Count {
    let mut count = Count { is_new, ..Count::default() };
    for option in options.iter() {
        let Node::DefElem(option) = option else { continue };
        let is_given = !matches!(option.arg(), Node::None);
        match option.defname() {
            Some("increment") if !matches!(option.arg(), Node::Integer(number) if number.ival == 1 && is_new) => {
                count.option = Some("INCREMENT");
            }
            Some("cycle") if !matches!(option.arg(), Node::Boolean(value) if !value.boolval) => {
                count.option = Some("CYCLE");
            }
            Some("start") if !is_new => count.option = Some("START"),
            Some("minvalue") if is_given && !is_new => count.option = Some("MINVALUE"),
            Some("maxvalue") if is_given && !is_new => count.option = Some("MAXVALUE"),
            Some("restart") if is_given => match whole_number(option.arg()) {
                Some(number) if !is_new => count.restarts = Some(number),
                Some(_) | None => count.option = Some("RESTART WITH"),
            },
            _ => (),
        }
    }
    count
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a number is written in no other way")]
fn whole_number(node: Node<'_>) -> Option<i64> {
    match node {
        Node::Integer(number) => Some(number.ival.into()),
        // What is too large for an int4.
        Node::Float(number) => number.fval()?.parse().ok(),
        _ => None,
    }
}

/// The table that is to own a sequence: `OWNED BY table.column`.
fn owner(options: &NodeList) -> Option<RelationName> {
    options.iter().find_map(|option| {
        let Node::DefElem(option) = option else { return None };
        table_of(option.arg()).filter(|_| option.defname() == Some("owned_by"))
    })
}

/// The tables that a utility statement names.
#[expect(clippy::wildcard_enum_match_arm, reason = "statements without a table of their own act on all shards")]
fn relations(node: Node<'_>) -> Vec<RelationName> {
    let one = |range: Option<&nodes::RangeVar>| range.map(relation).into_iter().collect();
    match node {
        Node::CreateSeqStmt(it) if it.sequence().is_some_and(|it| !relation(it).is_temporary) => {
            owner(it.options()).into_iter().collect()
        }
        Node::AlterSeqStmt(it) => owner(it.options()).into_iter().collect(),
        Node::TruncateStmt(it) => ranges(it.relations()),
        Node::LockStmt(it) => ranges(it.relations()),
        Node::DropStmt(it) => match it.remove_type {
            ObjectType::OBJECT_TABLE
            | ObjectType::OBJECT_VIEW
            | ObjectType::OBJECT_MATVIEW
            | ObjectType::OBJECT_FOREIGN_TABLE => it.objects().iter().filter_map(qualified).collect(),
            kind if is_of_table(kind) => it.objects().iter().filter_map(table_of).collect(),
            _ => Vec::new(),
        },
        Node::AlterTableStmt(it) if has_rows(it.objtype) => one(it.relation()),
        // A temporary table must not get the name of another: both names are looked at.
        Node::RenameStmt(it) if it.rename_type == ObjectType::OBJECT_TABLE => {
            let new = it.newname().map(|name| RelationName {
                schema: None,
                name: Box::from(name),
                is_temporary: false,
                is_only: false,
                at: None,
            });
            it.relation().map(relation).into_iter().chain(new).collect()
        }
        Node::RenameStmt(it) if !is_belonging(it.rename_type) => one(it.relation()),
        Node::AlterObjectSchemaStmt(it) if !is_belonging(it.object_type) => one(it.relation()),
        Node::ViewStmt(it) => one(it.view()),
        Node::IndexStmt(it) => one(it.relation()),
        Node::CreateTrigStmt(it) => one(it.relation()),
        Node::RuleStmt(it) => one(it.relation()),
        Node::CreatePolicyStmt(it) => one(it.table()),
        Node::AlterPolicyStmt(it) => one(it.table()),
        Node::CreateStatsStmt(it) => it.relations().iter().map(relation).collect(),
        Node::ReindexStmt(it) if it.kind == ReindexObjectType::REINDEX_OBJECT_TABLE => one(it.relation()),
        Node::ClusterStmt(it) => one(it.relation()),
        Node::VacuumStmt(it) => it.rels().iter().filter_map(|table| table.relation()).map(relation).collect(),
        Node::CommentStmt(it) if has_rows(it.objtype) => qualified(it.object()).into_iter().collect(),
        Node::CommentStmt(it) if is_of_table(it.objtype) => table_of(it.object()).into_iter().collect(),
        Node::GrantStmt(it)
            if it.objtype == ObjectType::OBJECT_TABLE && it.targtype == GrantTargetType::ACL_TARGET_OBJECT =>
        {
            it.objects().iter().map(relation).collect()
        }
        _ => Vec::new(),
    }
}

/// The indexes and sequences that a utility statement names.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other statements name neither")]
fn belongings(node: Node<'_>) -> Vec<RelationName> {
    let one = |range: Option<&nodes::RangeVar>| range.map(relation).into_iter().collect();
    match node {
        Node::DropStmt(it) if is_belonging(it.remove_type) => it.objects().iter().filter_map(qualified).collect(),
        Node::AlterTableStmt(it) if is_belonging(it.objtype) => one(it.relation()),
        Node::RenameStmt(it) if is_belonging(it.rename_type) => one(it.relation()),
        Node::AlterObjectSchemaStmt(it) if is_belonging(it.object_type) => one(it.relation()),
        Node::ReindexStmt(it) if it.kind == ReindexObjectType::REINDEX_OBJECT_INDEX => one(it.relation()),
        Node::CommentStmt(it) if is_belonging(it.objtype) => qualified(it.object()).into_iter().collect(),
        Node::CreateSeqStmt(it) => one(it.sequence()),
        Node::AlterSeqStmt(it) => one(it.sequence()),
        Node::GrantStmt(it)
            if it.objtype == ObjectType::OBJECT_SEQUENCE && it.targtype == GrantTargetType::ACL_TARGET_OBJECT =>
        {
            it.objects().iter().map(relation).collect()
        }
        _ => Vec::new(),
    }
}

/// The names that mean something else after the statement, to those who know the schema of before.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other statements make something new, or end it")]
fn bends(node: Node<'_>) -> Vec<Box<str>> {
    match node {
        Node::ViewStmt(_)
        | Node::RuleStmt(_)
        | Node::CreateTrigStmt(_)
        | Node::CreatePolicyStmt(_)
        | Node::AlterPolicyStmt(_)
        | Node::AlterObjectSchemaStmt(_) => relations(node).into_iter().map(|relation| relation.name).collect(),
        Node::RenameStmt(it) => [it.relation().and_then(|it| it.relname()), it.subname(), it.newname()]
            .into_iter()
            .flatten()
            .map(Box::from)
            .collect(),
        Node::CreateFunctionStmt(it) => {
            it.funcname().iter().next_back().and_then(|it| it.as_str().map(Box::from)).into_iter().collect()
        }
        Node::AlterFunctionStmt(it) => {
            let name =
                it.func().and_then(|it| it.objname().iter().next_back()).and_then(|it| it.as_str().map(Box::from));
            name.into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// What may run the functions that the statement names, afterwards.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others name none, or are what bends names")]
fn wakes(node: Node<'_>) -> Wakes {
    let one = |name: Option<Box<str>>| Wakes::Names(name.into_iter().collect());
    match node {
        Node::AlterTableStmt(_) => Wakes::Names(relations(node).into_iter().map(|relation| relation.name).collect()),
        Node::CreateDomainStmt(it) => one(it.domainname().iter().next_back().and_then(|it| it.sval()).map(Box::from)),
        Node::AlterDomainStmt(it) => one(names(it.type_name()).pop()),
        Node::DefineStmt(it) if it.kind == ObjectType::OBJECT_AGGREGATE => {
            one(it.defnames().iter().next_back().and_then(|it| it.sval()).map(Box::from))
        }
        Node::DefineStmt(_)
        | Node::CreateCastStmt(_)
        | Node::CreateOpClassStmt(_)
        | Node::AlterOpFamilyStmt(_)
        | Node::AlterOperatorStmt(_) => Wakes::Anything,
        _ => Wakes::Nothing,
    }
}

/// Do tables have other columns, defaults or unique keys after the statement?
#[expect(clippy::wildcard_enum_match_arm, reason = "all other statements leave columns as they are")]
fn alters_columns(node: Node<'_>) -> bool {
    match node {
        Node::AlterTableStmt(it) => it.cmds().iter().any(|command| {
            let Node::AlterTableCmd(command) = command else { return true };
            matches!(
                command.subtype,
                AlterTableType::AT_AddColumn
                    | AlterTableType::AT_DropColumn
                    | AlterTableType::AT_AlterColumnType
                    | AlterTableType::AT_ColumnDefault
                    | AlterTableType::AT_AddIdentity
                    | AlterTableType::AT_DropIdentity
                    | AlterTableType::AT_SetIdentity
                    | AlterTableType::AT_DropExpression
                    | AlterTableType::AT_DropConstraint
                    | AlterTableType::AT_AttachPartition
                    | AlterTableType::AT_DetachPartition
            )
        }),
        Node::DropStmt(it) => {
            let is_table = it.remove_type == ObjectType::OBJECT_TABLE || is_belonging(it.remove_type);
            is_table || it.behavior == DropBehavior::DROP_CASCADE && !is_of_table(it.remove_type)
        }
        Node::DropOwnedStmt(_) => true,
        _ => false,
    }
}

fn is_belonging(object: ObjectType::Type) -> bool {
    matches!(object, ObjectType::OBJECT_INDEX | ObjectType::OBJECT_SEQUENCE)
}

fn has_rows(object: ObjectType::Type) -> bool {
    matches!(
        object,
        ObjectType::OBJECT_TABLE
            | ObjectType::OBJECT_VIEW
            | ObjectType::OBJECT_MATVIEW
            | ObjectType::OBJECT_FOREIGN_TABLE
    )
}

/// What is named within its table: `table.name`.
fn is_of_table(object: ObjectType::Type) -> bool {
    matches!(
        object,
        ObjectType::OBJECT_COLUMN
            | ObjectType::OBJECT_TABCONSTRAINT
            | ObjectType::OBJECT_TRIGGER
            | ObjectType::OBJECT_POLICY
            | ObjectType::OBJECT_RULE
    )
}

fn ranges(list: &NodeList) -> Vec<RelationName> {
    list.iter().filter_map(|node| <&nodes::RangeVar>::try_from(node).ok()).map(relation).collect()
}

/// `[schema, name]` as DROP and COMMENT write it.
fn qualified(node: Node<'_>) -> Option<RelationName> {
    name_of(names(node.as_node_list()?))
}

/// The table in `[schema, table, name]`.
fn table_of(node: Node<'_>) -> Option<RelationName> {
    let mut parts = names(node.as_node_list()?);
    parts.pop()?;
    name_of(parts)
}

fn name_of(mut parts: Vec<Box<str>>) -> Option<RelationName> {
    let (name, schema) = (parts.pop()?, parts.pop());
    let is_temporary = schema.as_deref() == Some(temporary::SCHEMA);
    Some(RelationName { schema, name, is_temporary, is_only: false, at: None })
}
