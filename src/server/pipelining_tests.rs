//! The bytes that the HTTP layer gets at a time.

use std::task::Waker;

use super::*;

/// Returns the given bytes, all at once if there is room.
struct Sent {
    bytes: Vec<u8>,
    evicted: bool,
}

impl Evicted for Sent {
    fn must_close(&self, _: &Context<'_>) -> bool {
        self.evicted
    }
}

impl AsyncRead for Sent {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.bytes.is_empty() {
            return Poll::Pending;
        }
        let count = this.bytes.len().min(buffer.remaining());
        buffer.put_slice(&this.bytes[..count]);
        this.bytes.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sent {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(b.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn sent(text: &str) -> Sent {
    Sent { bytes: text.as_bytes().to_vec(), evicted: false }
}

fn limited(text: &str) -> PipelineLimit<Sent> {
    PipelineLimit::new(sent(text), 100, Duration::from_secs(60))
}

/// The bytes that the HTTP layer reads before it processes them: until nothing is ready.
fn look(limited: &mut PipelineLimit<Sent>, room: usize) -> String {
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    loop {
        let mut bytes = vec![0; room];
        let mut buffer = ReadBuf::new(&mut bytes);
        match Pin::new(&mut *limited).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(result) => result.unwrap(),
            Poll::Pending => return String::from_utf8(all).unwrap(),
        }
        all.extend_from_slice(buffer.filled());
    }
}

fn answer(limited: &mut PipelineLimit<Sent>, length: usize) {
    let mut cx = Context::from_waker(Waker::noop());
    let written = Pin::new(limited).poll_write(&mut cx, &vec![0; length]);
    assert!(written.is_ready());
}

#[tokio::test]
async fn one_request_is_handed_on_whole_with_its_body() {
    for text in ["GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nA: b\r\n\r\n{\"a\":\r\n1}"] {
        for room in [1, 7, 1_000] {
            assert_eq!(look(&mut limited(text), room), text);
        }
    }
}

/// A body may contain empty lines, and a chunk for each line (RFC 9112 §7.1).
#[tokio::test]
async fn empty_lines_of_a_body_are_no_heads() {
    let lines = "\n\r\n".repeat(100);
    let length = lines.len();
    let plain = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{lines}");
    let chunk = "1\r\n\n\r\n3;a=b\r\n{\n\n\r\n".repeat(100);
    let chunked =
        format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{chunk}0\r\nA: b\r\n\r\n");
    for request in [plain, chunked] {
        for room in [1, 7, 64, 100_000] {
            let mut limited = limited(&format!("{request}GET / HTTP/1.1\r\n\r\n"));
            // All but the end of the second head.
            let first = format!("{request}GET / HTTP/1.1\r\n\r");
            assert_eq!(look(&mut limited, room), first, "room {room}");
            assert_eq!(limited.heads, 1);
            answer(&mut limited, 10);
            assert_eq!(look(&mut limited, room), "\n");
        }
    }
}

#[tokio::test]
async fn the_http_layer_never_has_two_heads_it_has_not_looked_at() {
    for request in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n", "POST / HTTP/1.1\r\n\r\n{"] {
        for room in [1, 5, 64, 10_000] {
            let text = request.repeat(200);
            let (mut limited, mut all) = (limited(&text), String::new());
            while all.len() < text.len() {
                let part = look(&mut limited, room);
                all.push_str(&part);
                // An incomplete head is not decoded.
                let heads = |text: &str| text.replace('\r', "").matches("\n\n").count();
                assert!(heads(&all) <= heads(&all[..all.len() - part.len()]) + 1);
                answer(&mut limited, 10);
            }
            assert_eq!(all, text);
            assert!(limited.held.is_empty());
        }
    }
}

#[tokio::test]
async fn only_a_few_heads_are_handed_on_before_an_answer_ends() {
    let mut limited = limited(&"GET / HTTP/1.1\r\n\r\n".repeat(100));
    limited.release_time = Duration::from_secs(3_600);
    // Two lines for each head; a third may belong to an incomplete one.
    let mut lines = 0;
    let mut heads = |limited: &mut PipelineLimit<Sent>| {
        lines += (0..50).map(|_| look(limited, 1_000).matches('\n').count()).sum::<usize>();
        lines / 2
    };
    assert_eq!(heads(&mut limited), MAX_HEADS);
    // Neither a hundred-continue nor a part of a large answer is the end of one.
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut limited).poll_write(&mut cx, CONTINUE).is_ready());
    answer(&mut limited, 100);
    assert_eq!(heads(&mut limited), MAX_HEADS);
    answer(&mut limited, 99);
    assert_eq!(heads(&mut limited), 2 * MAX_HEADS);
    // The beginning of a large response is the end of the previous one.
    let begin = [b"HTTP/1.1 200 OK\r\n".as_slice(), &[0; 100]].concat();
    assert!(Pin::new(&mut limited).poll_write(&mut cx, &begin).is_ready());
    assert_eq!(heads(&mut limited), 2 * MAX_HEADS + 1);
}

#[tokio::test]
async fn the_head_of_a_further_request_has_its_time() {
    let text = "GET / HTTP/1.1\r\n\r\n";
    let mut limited = PipelineLimit::new(sent(text), 100, Duration::ZERO);
    assert_eq!(look(&mut limited, 100), text);
    assert!(limited.head_end.is_none(), "a whole head");
    answer(&mut limited, 10);
    limited.io.bytes = b"GET / HT".to_vec();
    let mut bytes = [0; 100];
    let mut buffer = ReadBuf::new(&mut bytes);
    let read = std::future::poll_fn(|cx| Pin::new(&mut limited).poll_read(cx, &mut buffer));
    read.await.unwrap();
    let mut bytes = [0; 100];
    let mut buffer = ReadBuf::new(&mut bytes);
    let read = std::future::poll_fn(|cx| Pin::new(&mut limited).poll_read(cx, &mut buffer));
    read.await.unwrap();
    assert!(buffer.filled().is_empty(), "the end of the stream");
}

#[tokio::test]
async fn a_connection_that_makes_room_ends_also_while_its_requests_are_held_back() {
    let mut limited = limited(&"GET / HTTP/1.1\r\n\r\n".repeat(100));
    limited.release_time = Duration::from_secs(3_600);
    (0..50).for_each(|_| drop(look(&mut limited, 1_000)));
    let (mut cx, mut bytes) = (Context::from_waker(Waker::noop()), [0; 100]);
    let mut buffer = ReadBuf::new(&mut bytes);
    assert!(Pin::new(&mut limited).poll_read(&mut cx, &mut buffer).is_pending());
    limited.io.evicted = true;
    assert!(Pin::new(&mut limited).poll_read(&mut cx, &mut buffer).is_ready());
    assert!(buffer.filled().is_empty(), "the end of the stream");
}
