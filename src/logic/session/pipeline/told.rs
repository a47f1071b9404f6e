//! Errors of a server: which of them the client is told, and how they read to it.

use crate::logic::protocol::frame::{HEADER, server};
use crate::logic::protocol::view;
use crate::logic::protocol::walk::Verdict;
use crate::logic::protocol::write;

use super::super::errors::{
    CANCELLED, GROUPING_ERROR, is_of_several, is_stale, translate, ungrouped, with_position_behind, without_position,
};
use super::{Failure, HiddenFailure, Owed, Pipeline, Withheld};

impl Pipeline {
    pub(super) fn on_error(&mut self, body: &[u8], out: &mut Vec<u8>) -> Verdict {
        match self.instead.take() {
            Some(error) if view::error_field(body, b'C') == Some(CANCELLED) => {
                if self.judge_error(&error[HEADER..], out) == Verdict::Pass {
                    out.extend_from_slice(&error);
                }
                Verdict::Hide
            }
            Some(_) | None => self.judge_error(body, out),
        }
    }

    /// The statement is to be prepared anew, and the client hears nothing of it.
    fn hide_stale(&mut self) {
        self.is_stale = true;
        self.skip_to_sync();
        if let Some(owed @ Owed::Sync) = self.owed.front_mut() {
            *owed = Owed::HiddenSync;
        }
    }

    fn judge_error(&mut self, body: &[u8], out: &mut Vec<u8>) -> Verdict {
        let severity = view::error_field(body, b'V').or_else(|| view::error_field(body, b'S'));
        if matches!(severity, Some(b"FATAL" | b"PANIC")) {
            self.goodbye = Some(body.into());
            return Verdict::Hide;
        }
        if self.is_told_of_ours(body, out) {
            return Verdict::Hide;
        }
        if self.hides_stale && !self.has_answered && is_stale(body) {
            self.hide_stale();
            return Verdict::Hide;
        }
        if let Some(again) = self.may_ask_again.take()
            && view::error_field(body, b'C').is_some_and(|code| again.is_said_by(code))
        {
            self.withheld = Some(Box::new(Withheld { again, error: body.into(), said: Vec::new() }));
            self.is_deaf = true;
            if !matches!(self.owed.front(), Some(Owed::Query)) {
                self.skip_to_sync();
            }
            return Verdict::Hide;
        }
        self.fail(body);
        let translated = match self.owed.front() {
            _ if self.is_deaf => None,
            Some(Owed::Bind(name)) if !name.is_empty() => translate(body, name),
            Some(Owed::Query | Owed::QuietQuery) if !self.executed.is_empty() => translate(body, &self.executed),
            _ if self.characters_before > 0 => Some(with_position_behind(body, self.characters_before)),
            _ => None,
        };
        if !matches!(
            self.owed.front(),
            Some(Owed::Query | Owed::FirstOf | Owed::QuietQuery | Owed::Share { is_query: true, .. }) | None
        ) {
            self.skip_to_sync();
        }
        match translated {
            Some(error) => {
                write::frame(out, server::ERROR, |out| out.extend_from_slice(&error));
                Verdict::Hide
            }
            None => Verdict::Pass,
        }
    }

    /// An error of a message of ours; the client hears of it what concerns its own. `false`: it is an error of the client's.
    fn is_told_of_ours(&mut self, body: &[u8], out: &mut Vec<u8>) -> bool {
        match self.owed.front() {
            Some(Owed::HiddenQuery) => {
                let is_silenced = self.is_deaf;
                self.hidden_failure.get_or_insert_with(|| Box::new(HiddenFailure { error: body.into(), is_silenced }));
                // The client's messages behind it fail for that alone.
                self.is_deaf = true;
                true
            }
            Some(Owed::DeafQuery | Owed::Everywhere { .. }) => {
                self.deaf_failure.get_or_insert_with(|| body.into());
                true
            }
            Some(Owed::FinalParse { groups_as_tables: false } | Owed::StandIn { groups_as_tables: false, .. })
                if view::error_field(body, b'C') == Some(GROUPING_ERROR) =>
            {
                self.failure = Some(Failure { sqlstate: *b"0A000", answered: self.answered });
                self.skip_to_sync();
                ungrouped(out);
                true
            }
            Some(Owed::TrialParse) if is_of_several(body) => {
                self.skip_to_sync();
                true
            }
            Some(Owed::Aside) if self.is_deaf => {
                self.deaf_failure.get_or_insert_with(|| body.into());
                self.skip_to_sync();
                true
            }
            Some(Owed::FinalParse { .. } | Owed::StandIn { .. } | Owed::HiddenBind | Owed::Aside) => {
                let error = without_position(body);
                self.fail(body);
                self.skip_to_sync();
                write::frame(out, server::ERROR, |out| out.extend_from_slice(&error));
                true
            }
            Some(Owed::Poison(error)) => {
                out.extend_from_slice(error);
                self.skip_to_sync();
                true
            }
            _ => false,
        }
    }

    /// The client hears after all what was withheld.
    pub fn tell_withheld(&mut self, withheld: &Withheld, out: &mut Vec<u8>) {
        self.is_deaf = false;
        self.fail(&withheld.error);
        out.extend_from_slice(&withheld.said);
        write::frame(out, server::ERROR, |out| out.extend_from_slice(&withheld.error));
    }

    /// The first error that the client hears of.
    fn fail(&mut self, body: &[u8]) {
        if self.failure.is_none() && !self.is_deaf {
            let mut sqlstate = *b"XX000";
            if let Some(Ok(code)) = view::error_field(body, b'C').map(<[u8; 5]>::try_from) {
                sqlstate = code;
            }
            self.failure = Some(Failure { sqlstate, answered: self.answered });
        }
    }

    /// After an error the server skips everything up to Sync (PostgreSQL manual, protocol-flow, extended query),
    /// so we owe no reply for these.
    fn skip_to_sync(&mut self) {
        let mut is_for_query = false;
        while let Some(owed) = self.owed.front_mut() {
            if let Owed::Sync | Owed::HiddenSync = owed {
                if is_for_query {
                    *owed = Owed::Sync;
                }
                return;
            }
            is_for_query |= matches!(owed, Owed::Query);
            self.owed.pop_front();
        }
        self.skips_to_sync = true;
    }
}
