//! The wire: frames, views on messages, and the messages we write ourselves (protocol 3.0 and 3.2).
//!
//! Data passes by tag and length; only control messages are looked into.

pub mod frame;
pub mod view;
pub mod write;
pub mod report;
pub mod oids;
pub mod numbered;
pub mod walk;
