//! Any bytes from a server, in any pieces, with any replies owed: the same bytes for the client, and no panic.
//! Any bytes from a client: every view on them answers.

use shardway::logic::protocol::frame::{self, Front};
use shardway::logic::protocol::view;
use shardway::logic::protocol::walk::{Broken, Walk};
use shardway::logic::session::pipeline::{Owed, Pipeline};

/// The first byte says how many replies are owed, the next ones which, then how long the pieces are; the rest is what
/// the server says.
pub fn run(data: &[u8]) {
    client(data);
    let Some((count, rest)) = data.split_first() else { return };
    let (owed, rest) = rest.split_at(rest.len().min(usize::from(*count % 12)));
    let Some((piece, bytes)) = rest.split_first() else { return };
    let whole = play(owed, bytes, bytes.len().max(1));
    for size in [1, 2, usize::from(*piece) + 1] {
        let pieces = play(owed, bytes, size);
        assert_eq!(whole.1, pieces.1, "how it ends in pieces of {size}");
        // What came before a frame that breaks may or may not be on its way already.
        if whole.1.is_none() {
            assert_eq!(whole.0, pieces.0, "what the client gets in pieces of {size}");
            assert_eq!(whole.2, pieces.2, "what is owed after pieces of {size}");
        }
    }
}

/// What the client gets, how it breaks, and how the pipeline stands.
fn play(owed: &[u8], bytes: &[u8], size: usize) -> (Vec<u8>, Option<Broken>, String) {
    let mut pipeline = Pipeline::default();
    pipeline.tell_completed = owed.len().is_multiple_of(2);
    owed.iter().for_each(|byte| pipeline.owe(entry(*byte)));
    let (mut walk, mut got) = (Walk::default(), Vec::new());
    pipeline.speak(&mut got);
    for piece in bytes.chunks(size) {
        let mut out = Vec::new();
        match walk.feed(piece, &mut pipeline, &mut out) {
            Ok(tail) => {
                got.extend_from_slice(&out);
                got.extend_from_slice(tail);
            }
            Err(broken) => return (got, Some(broken), String::new()),
        }
    }
    (got, None, format!("{pipeline:?}"))
}

fn entry(byte: u8) -> Owed {
    match byte % 12 {
        0 => Owed::Query,
        1 => Owed::HiddenQuery,
        2 => Owed::FirstOf,
        3 => Owed::QuietQuery,
        4 => Owed::DeafQuery,
        5 => Owed::Parse(Some(u64::from(byte))),
        6 => Owed::HiddenParse(u64::from(byte)),
        7 => Owed::Describe,
        8 => Owed::Execute(Some(u16::from(byte))),
        9 => Owed::Local(b"3\0\0\0\x04".as_slice().into()),
        10 => Owed::Sync,
        _ => Owed::Poison(b"E\0\0\0\x06\0\0".as_slice().into()),
    }
}

fn client(mut bytes: &[u8]) {
    while let Front::Whole(frame) = frame::front(bytes) {
        assert!(frame.bytes.len() >= frame::HEADER && bytes.starts_with(frame.bytes));
        body(frame.body);
        bytes = &bytes[frame.bytes.len()..];
    }
    body(bytes);
}

fn body(body: &[u8]) {
    if let Ok(text) = view::query(body) {
        assert_eq!(text.len() + 1, body.len());
    }
    if let Ok(parse) = view::Parse::parse(body) {
        assert_eq!(parse.types.len() % 4, 0);
        for index in 0..=parse.types.len() / 4 {
            view::type_at(parse.types, index);
        }
    }
    if let Ok(bind) = view::Bind::parse(body) {
        let count = (0..).take_while(|index| bind.parameter(*index).is_some()).count();
        assert!(count <= usize::from(u16::MAX));
        assert!(body.ends_with(bind.tail));
    }
    std::hint::black_box((
        view::target(body).is_ok(),
        view::execute(body).is_ok(),
        view::parameter_status(body).is_ok(),
    ));
    for code in *b"SVCMDHR\0" {
        view::error_field(body, code);
    }
    view::command_tag(body);
}
