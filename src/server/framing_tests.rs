//! The heads that the HTTP layer decodes, and where they were expected.

use actix_http::h1::{Codec, Message, MessageType};
use bytes::BytesMut;
use proptest::prelude::*;
use tokio_util::codec::Decoder as _;

use super::*;

/// A text inside a body that suggests a long one.
const DECOY: &str = "X / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// The line ends that may end a head, and whether every length was trusted.
fn expected(text: &[u8]) -> (Vec<usize>, bool) {
    let (mut framing, mut ends, mut at) = (Framing::new(), Vec::new(), 0);
    while at < text.len() {
        let rest = &text[at..];
        if let Some(count) = framing.within_body(rest) {
            framing.pass_body(count);
            at += count;
            continue;
        }
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else { break };
        if framing.would_end_head(&rest[..length]) {
            ends.push(at + length);
        }
        // A line may come in any parts.
        let (begin, end) = rest[..length].split_at(length / 2);
        framing.pass(begin);
        framing.pass(end);
        framing.end_line();
        at += length + 1;
    }
    (ends, !matches!(framing.state, State::Unsure))
}

/// The line ends at which the HTTP layer has a complete head, and whether it read to the end.
fn decoded(text: &[u8]) -> (Vec<usize>, bool) {
    let (mut codec, mut buffer, mut ends) = (Codec::default(), BytesMut::new(), Vec::new());
    let mut is_http = true;
    for (at, byte) in text.iter().enumerate() {
        buffer.extend_from_slice(&[*byte]);
        // Nothing else ends a head.
        if *byte != b'\n' {
            continue;
        }
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(Message::Item(_))) => {
                    ends.push(at);
                    is_http &= !matches!(codec.message_type(), MessageType::Stream);
                }
                Ok(Some(Message::Chunk(_))) => {}
                Ok(None) => break,
                Err(_) => return (ends, false),
            }
        }
    }
    (ends, is_http)
}

/// Runs where actix's clock can run.
fn in_system<T>(work: impl FnOnce() -> T) -> T {
    actix_web::rt::System::new().block_on(async { work() })
}

/// The difference from the expected ends, if any.
fn misread(text: &[u8]) -> Option<String> {
    let ((expected, is_sure), (decoded, is_whole)) = (expected(text), decoded(text));
    let is_missed = decoded.iter().any(|end| !expected.contains(end));
    let is_more = is_sure && is_whole && decoded != expected;
    let text = String::from_utf8_lossy(text);
    (is_missed || is_more).then(|| format!("{expected:?} for {decoded:?} of {text:?}"))
}

/// A request with a body in one piece.
fn with_length(length: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n{body}{GET}{GET}{GET}")
}

fn chunked(body: &str) -> String {
    with_length("Transfer-Encoding: chunked", body)
}

#[test]
fn a_length_that_is_written_at_length_hides_no_head() {
    let length = DECOY.len();
    let (blanks, zeros) = (" ".repeat(60), "0".repeat(60));
    let streams = [
        with_length(&format!("Content-Length:{blanks}{length}"), DECOY),
        with_length(&format!("Content-Length: {zeros}{length}"), DECOY),
        chunked(&format!("{zeros}{length:x}\r\n{DECOY}\r\n0\r\n\r\n")),
        chunked(&format!("{length:x};{zeros}\r\n{DECOY}\r\n0\r\n\r\n")),
        chunked(&format!("{length:x}{blanks};a\r\n{DECOY}\r\n0\r\n\r\n")),
        // A line feed alone does not end the trailers.
        chunked("0\r\nA: b\n\nX /\nTransfer-Encoding: chunked\n\nffffffff\n\r\n\r\n"),
        chunked("0\r\n \r\nX /\r\nTransfer-Encoding: chunked\n\nffffffff\n\r\n\r\n"),
    ];
    in_system(|| {
        for stream in streams {
            let (ends, is_whole) = decoded(stream.as_bytes());
            assert_eq!((ends.len(), is_whole), (4, true), "{stream:?}");
            assert_eq!(misread(stream.as_bytes()), None);
        }
    });
}

/// An idle client that sends empty lines has not sent the head of a request, and its time runs on.
#[test]
fn empty_lines_alone_are_no_head_also_where_no_length_is_believed() {
    let blanks = " ".repeat(60);
    let stream = format!("POST / HTTP/1.1\r\nContent-Length:{blanks}1\r\n\r\nx\r\n\r\n");
    let (before, is_sure) = expected(stream.as_bytes());
    assert_eq!((before.len(), is_sure), (2, false));
    assert_eq!(expected(format!("{stream}\r\n\n\r\n").as_bytes()).0, before);
}

#[test]
fn a_head_is_expected_where_it_is_and_nowhere_else() {
    let lines = "\n\r\n\r\n".repeat(20);
    let length = lines.len();
    let streams = [
        with_length(&format!("content-length: {length}"), &lines),
        with_length(&format!("Content-Length:  00{length}\t"), &lines),
        with_length("Content-Length: 0", ""),
        chunked(&format!("{length:x}\r\n{lines}\r\n0\r\nA: b\r\n\r\n")),
        chunked(&format!("{length:X} ;a=\"b\"\r\n{lines}\r\n00\r\n\r\n")),
    ];
    in_system(|| {
        for stream in streams {
            let (ends, is_whole) = decoded(stream.as_bytes());
            assert_eq!((ends.len(), is_whole), (4, true), "{stream:?}");
            assert_eq!(expected(stream.as_bytes()), (ends, true), "{stream:?}");
        }
    });
}

/// A number of blanks or zeros, often as many as a line that is kept has bytes.
fn padding() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0_usize), 0_usize..4, 30_usize..70]
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![20 => Just("\r\n"), 4 => Just("\n"), 1 => Just("\r\r\n"), 1 => Just(" \r\n")]
}

fn body() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just(DECOY.to_owned()),
        Just(DECOY.replace("\r\n", "\n")),
        Just("X / HTTP/1.1\r\nContent-Length: 999999\r\n\r\n".to_owned()),
        Just("\r\n\r\n".to_owned()),
        Just("\n\n".to_owned()),
        Just(String::new()),
        Just("0\r\n\r\n".to_owned()),
        "[a-f0-9\r\n :;]{0,12}",
    ];
    proptest::collection::vec(part, 0..3).prop_map(|parts| parts.concat())
}

/// A request that is mostly valid.
fn request() -> impl Strategy<Value = String> {
    let method =
        prop_oneof![9 => proptest::sample::select(vec!["GET", "POST"]), 1 => Just("CONNECT")];
    let target = proptest::sample::select(vec!["/", "http://a/b", "*"]);
    let version = prop_oneof![9 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0")];
    let harmless = ["", "Expect: 100-continue\r\n", "Connection: close\r\n", "X: a\n"];
    let harmful = [
        "Connection: upgrade\r\nUpgrade: websocket\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "TRANSFER-ENCODING:\tchunked\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length : 9999\r\n",
        "X: a\r\n Content-Length: 9999\r\n",
        "X: a\rContent-Length: 9999\r\n",
        "Content-Length: 3, 3\r\n",
        "\r\n",
    ];
    let field = prop_oneof![
        9 => proptest::sample::select(harmless.to_vec()),
        1 => proptest::sample::select(harmful.to_vec()),
    ];
    let size = (padding(), padding(), any::<bool>());
    (method, target, version, (line_end(), line_end()), field, size, body(), 0_u8..4).prop_map(
        |(method, target, version, (ends, last), field, (zeros, blanks, upper), body, kind)| {
            let (zeros, blanks) = ("0".repeat(zeros), " ".repeat(blanks));
            let length = body.len();
            let head = format!("{method} {target} {version}{ends}Host: a\r\n{field}");
            let hex = if upper { format!("{length:X}") } else { format!("{length:x}") };
            match kind {
                0 => format!("{head}{ends}"),
                1 => format!("{head}Content-Length:{blanks}{zeros}{length}{ends}{last}{body}"),
                2 => format!(
                    "{head}Transfer-Encoding: chunked{ends}{last}{zeros}{hex}{blanks}\r\n{body}\r\n\
                     0\r\n\r\n"
                ),
                _ => format!(
                    "{head}Transfer-Encoding:{blanks}chunked\r\n\r\n{zeros}{hex};a{blanks}{ends}\
                     {body}{last}{zeros}0\r\nA: b{ends}{body}{last}\r\n\r\n"
                ),
            }
        },
    )
}

/// A byte of a stream, and what it becomes.
fn change() -> impl Strategy<Value = (proptest::sample::Index, u8)> {
    (any::<proptest::sample::Index>(), proptest::sample::select(b"\r\n :;\t05f+A\0".to_vec()))
}

#[test]
fn the_http_layer_decodes_no_head_that_was_not_expected() {
    let streams = (
        proptest::collection::vec(request(), 1..4),
        proptest::option::weighted(0.4, change()),
        any::<bool>(),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let heads = std::cell::Cell::new(0);
    in_system(|| {
        runner.run(&streams, |(requests, change, inserts)| {
            let mut stream = requests.concat().into_bytes();
            stream.extend_from_slice(GET.as_bytes());
            if let Some((index, byte)) = change {
                let at = index.index(stream.len());
                if inserts {
                    stream.insert(at, byte);
                } else {
                    stream[at] = byte;
                }
            }
            heads.set(heads.get() + decoded(&stream).0.len());
            prop_assert_eq!(misread(&stream), None);
            Ok(())
        })
    })
    .unwrap();
    // The streams are not merely refused.
    assert!(heads.get() > 4_000, "{}", heads.get());
}
