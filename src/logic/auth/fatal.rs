//! Why a client is turned away, as PostgreSQL would put it.

use bytes::BytesMut;
use pgwire::messages::Message;
use pgwire::messages::response::ErrorResponse;

/// The protocol was broken.
pub const PROTOCOL_VIOLATION: &str = "08P01";
/// Something we do not do.
pub const FEATURE_NOT_SUPPORTED: &str = "0A000";
/// The client is not who it says, by other means than a password.
pub const INVALID_AUTHORIZATION: &str = "28000";
/// The client is not who it says.
pub const INVALID_PASSWORD: &str = "28P01";
/// Text that is not in the encoding it should be in.
pub const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
/// Command-line options that cannot be read.
pub const SYNTAX_ERROR: &str = "42601";

/// An error that ends the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sqlstate}: {message}")]
pub struct Fatal {
    /// Its code
    pub sqlstate: &'static str,
    /// What happened
    pub message: String,
    /// More about it
    pub detail: Option<&'static str>,
    /// What would help
    pub hint: Option<&'static str>,
}

impl Fatal {
    /// With the message alone.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into(), detail: None, hint: None }
    }

    /// A protocol violation.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(PROTOCOL_VIOLATION, message)
    }

    /// PostgreSQL's words for a wrong password, an unknown user and everything that must look like them.
    pub fn password(user: &str) -> Self {
        Self::new(INVALID_PASSWORD, format!("password authentication failed for user \"{user}\""))
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Appends the ErrorResponse.
    pub fn encode(&self, out: &mut BytesMut) {
        let mut fields = vec![
            (b'S', "FATAL".to_owned()),
            (b'V', "FATAL".to_owned()),
            (b'C', self.sqlstate.to_owned()),
            (b'M', self.message.clone()),
        ];
        fields.extend(self.detail.map(|text| (b'D', text.to_owned())));
        fields.extend(self.hint.map(|text| (b'H', text.to_owned())));
        ErrorResponse::new(fields).encode(out).expect("an error about a start-up packet is short");
    }
}
