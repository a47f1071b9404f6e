//! What becomes of a server's messages.

use super::*;
use crate::logic::memory::Charge;
use crate::logic::protocol::walk::Walk;

fn frames(parts: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, body) in parts {
        write::frame(&mut bytes, *tag, |out| out.extend_from_slice(body));
    }
    bytes
}

fn run(pipeline: &mut Pipeline, server: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let tail = Walk::default().feed(server, pipeline, &mut out).expect("well-formed");
    out.extend_from_slice(tail);
    out
}

fn pipeline(owed: &[Owed]) -> Pipeline {
    let mut pipeline = Pipeline::default();
    owed.iter().for_each(|owed| pipeline.owe(owed.clone()));
    pipeline
}

const ERROR: &[u8] = b"SERROR\0VERROR\0C22012\0Mdivision by zero\0\0";

#[test]
fn what_two_servers_remark_is_heard_once() {
    let mut pipeline = pipeline(&[Owed::Everywhere { is_first: true }]);
    pipeline.hears_once = true;
    let notice = |text: &str| (b'N', [b"SNOTICE\0C00000\0M", text.as_bytes(), b"\0\0"].concat());
    let said =
        |notices: &[(u8, Vec<u8>)]| frames(&notices.iter().map(|(tag, body)| (*tag, &body[..])).collect::<Vec<_>>());
    let end = frames(&[(b'C', b"DROP TABLE\0"), (b'Z', b"T")]);
    let first = said(&[notice("a"), notice("b"), notice("a")]);
    assert_eq!(run(&mut pipeline, &[&first[..], &end].concat()), first);
    pipeline.clear();
    pipeline.owe(Owed::Everywhere { is_first: true });
    let second = said(&[notice("b"), notice("c"), notice("c")]);
    assert_eq!(run(&mut pipeline, &[&second[..], &end].concat()), said(&[notice("c"), notice("c")]));
}

#[test]
fn a_begin_held_back_is_not_answered_twice() {
    let mut pipeline = pipeline(&[Owed::HiddenQuery, Owed::Query]);
    let server = frames(&[(b'C', b"BEGIN\0"), (b'Z', b"T"), (b'D', b"row"), (b'C', b"SELECT 1\0"), (b'Z', b"T")]);
    assert_eq!(run(&mut pipeline, &server), frames(&[(b'D', b"row"), (b'C', b"SELECT 1\0"), (b'Z', b"T")]));
    assert!(pipeline.is_settled());
    assert_eq!(pipeline.status, Some(b'T'));
}

#[test]
fn what_stands_behind_the_clients_statement_is_not_heard() {
    let mut pipeline = pipeline(&[Owed::FirstOf]);
    let server = frames(&[
        (b'C', b"RESET\0"),
        (b'T', b"\0\0"),
        (b'D', b"\0\0"),
        (b'C', b"SELECT 1\0"),
        (b'C', b"SET\0"),
        (b'Z', b"I"),
    ]);
    assert_eq!(run(&mut pipeline, &server), frames(&[(b'C', b"RESET\0"), (b'Z', b"I")]));
}

#[test]
fn replies_of_ours_stand_where_the_client_expects_them() {
    let mut pipeline = pipeline(&[
        Owed::Local(frames(&[(b'1', b"")]).into()),
        Owed::HiddenParse(7),
        Owed::Bind(Name::new()),
        Owed::Execute(Some(2)),
        Owed::Local(frames(&[(b'3', b"")]).into()),
        Owed::Sync,
    ]);
    let server = frames(&[(b'1', b""), (b'2', b""), (b'C', b"SELECT 0\0"), (b'Z', b"I")]);
    let client = frames(&[(b'1', b""), (b'2', b""), (b'C', b"SELECT 0\0"), (b'3', b""), (b'Z', b"I")]);
    assert_eq!(run(&mut pipeline, &server), client);
    assert_eq!(pipeline.done, [Done::Prepared(7), Done::Executed(2)]);
}

#[test]
fn an_error_skips_to_sync_and_takes_our_replies_with_it() {
    let mut pipeline = pipeline(&[
        Owed::Bind(Name::new()),
        Owed::Execute(None),
        Owed::Bind(Name::new()),
        Owed::Execute(None),
        Owed::Local(frames(&[(b'3', b"")]).into()),
        Owed::Sync,
    ]);
    let server = frames(&[(b'2', b""), (b'E', ERROR), (b'Z', b"I")]);
    assert_eq!(run(&mut pipeline, &server), server);
    assert!(pipeline.is_settled());
    assert_eq!(pipeline.failure, Some(Failure { sqlstate: *b"22012", answered: 1 }));
    assert!(!pipeline.skips_to_sync);
}

#[test]
fn an_error_before_the_sync_was_sent_is_remembered() {
    let mut pipeline = pipeline(&[Owed::Parse(None), Owed::Describe]);
    run(&mut pipeline, &frames(&[(b'E', ERROR)]));
    assert!(pipeline.is_settled() && pipeline.skips_to_sync);
}

#[test]
fn a_refusal_in_a_pipeline_replaces_the_error_provoked_for_it() {
    let mut pipeline =
        pipeline(&[Owed::Bind(Name::new()), Owed::Execute(None), Owed::Poison((*b"refused").into()), Owed::Sync]);
    let server = frames(&[(b'2', b""), (b'C', b"UPDATE 1\0"), (b'E', ERROR), (b'Z', b"I")]);
    let mut client = frames(&[(b'2', b""), (b'C', b"UPDATE 1\0")]);
    client.extend_from_slice(b"refused");
    client.extend_from_slice(&frames(&[(b'Z', b"I")]));
    assert_eq!(run(&mut pipeline, &server), client);
}

#[test]
fn a_servers_goodbye_is_kept_from_the_client() {
    let mut pipeline = pipeline(&[Owed::Query]);
    let body = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0";
    assert_eq!(run(&mut pipeline, &frames(&[(b'E', body)])), b"");
    assert!(pipeline.goodbye.is_some() && !pipeline.is_settled());
}

#[test]
fn a_sync_sent_ahead_of_copy_data_is_not_answered() {
    let mut pipeline = pipeline(&[Owed::Bind(Name::new()), Owed::Execute(None), Owed::Sync]);
    run(&mut pipeline, &frames(&[(b'2', b""), (b'G', b"\0\0\0")]));
    assert!(pipeline.is_copy_in);
    run(&mut pipeline, &frames(&[(b'C', b"COPY 1\0")]));
    assert!(pipeline.is_settled());
}

#[test]
fn rows_are_kept_of_a_share_and_not_of_what_is_asked_before_it() {
    let mut pipeline = pipeline(&[Owed::HiddenQuery, Owed::Share { shown: Shown::Rows, is_query: false }]);
    pipeline.kept = Some(Box::new(KeptRows::up_to(1000, Charge::default())));
    let server = [(b'D', &b"set"[..]), (b'C', b"SELECT 1\0"), (b'Z', b"T"), (b'D', b"row"), (b'C', b"UPDATE 1\0")];
    assert_eq!(run(&mut pipeline, &frames(&server)), b"");
    assert_eq!(pipeline.kept.map(|kept| kept.frames), Some(frames(&[(b'D', b"row")])));
}
