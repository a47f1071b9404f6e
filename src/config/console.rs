//! `[console]`: who may use the administration console.

use crate::logic::console::role::Members;

use super::report::Problems;
use super::section::Section;
use super::users::UserSettings;

/// Fields of `[console]`.
pub const FIELDS: &[&str] = &["admin", "stats"];

/// Reads `[console]`. Who is named there must be one of the users: else nobody could log in so.
pub fn read(section: Section<'_>, users: &[UserSettings], problems: &mut Problems) -> Members {
    let errors_before = problems.errors();
    let mut list = |field| -> Vec<Box<str>> {
        let names = section.texts(field, problems);
        for (name, span) in &names {
            // After an error, who is missing may only be unreadable.
            if errors_before == 0 && !users.iter().any(|user| *user.user.name == **name) {
                problems.error(*span, format!("there is no user `{name}`")).help("add it to [[users]]");
            }
        }
        names.into_iter().map(|(name, _)| name.into()).collect()
    };
    Members { admin: list("admin"), stats: list("stats") }
}
