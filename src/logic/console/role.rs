//! Who may say what. Checked for each command, where it is carried out.

use crate::logic::console::statement::Statement;

/// What a user of the console may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything
    Admin,
    /// Look
    Stats,
}

impl Role {
    /// May it say this? A command that nobody thought of is not for looking.
    pub fn may(self, statement: &Statement) -> bool {
        match (self, statement) {
            (Self::Admin, _) => true,
            (
                Self::Stats,
                Statement::Empty
                | Statement::Show(_)
                | Statement::Answer { .. }
                | Statement::Ignored(_)
                | Statement::Begin(_)
                | Statement::End(_),
            ) => true,
            (Self::Stats, Statement::Set { .. } | Statement::Act(_)) => false,
        }
    }
}

/// Who may come to the console.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// May do everything
    pub admin: Vec<Box<str>>,
    /// May look
    pub stats: Vec<Box<str>>,
}

impl Members {
    /// The role of a user; `None`: it may not come.
    pub fn role(&self, user: &str) -> Option<Role> {
        let is_in = |list: &[Box<str>]| list.iter().any(|name| **name == *user);
        match (is_in(&self.admin), is_in(&self.stats)) {
            (true, _) => Some(Role::Admin),
            (false, true) => Some(Role::Stats),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::console::drivers::Asker;
    use crate::logic::console::grammar::parse;

    /// CVE-2026-6667: KILL_CLIENT was for everyone who could look.
    #[test]
    fn who_may_look_may_do_nothing() {
        let asker = Asker { user: "stats", database: "shardway" };
        let all = "PAUSE; RESUME; DISABLE app; ENABLE app; RECONNECT; KILL app; KILL_CLIENT 1; WAIT_CLOSE; RELOAD;
                   SHUTDOWN; SHUTDOWN WAIT_FOR_SERVERS; SET max_client_conn = 1";
        for statement in parse(all, &asker).expect("they are commands") {
            assert!(Role::Admin.may(&statement) && !Role::Stats.may(&statement), "{statement:?}");
        }
        let looks = "SHOW POOLS; SHOW CONFIG; SET client_encoding = 'UTF8'; SHOW timezone; SELECT 1; BEGIN; ROLLBACK";
        for statement in parse(looks, &asker).expect("they are commands") {
            assert!(Role::Stats.may(&statement), "{statement:?}");
        }
    }

    #[test]
    fn who_is_not_listed_may_not_come() {
        let members = Members { admin: vec!["root".into()], stats: vec!["root".into(), "grafana".into()] };
        let roles = ["root", "grafana", "app", ""].map(|user| members.role(user));
        assert_eq!(roles, [Some(Role::Admin), Some(Role::Stats), None, None]);
    }
}
