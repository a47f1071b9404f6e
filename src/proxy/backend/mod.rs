//! Connecting and logging in to servers.
