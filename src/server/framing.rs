//! Where the heads of requests end in a stream of bytes (RFC 9112).
//!
//! The HTTP layer parses the request and refuses an invalid one. A misreading here delays bytes; it never
//! changes how a request is interpreted.

/// How many bytes of a line are kept: enough for the fields that give the length of a body.
const KEPT: usize = 64;

/// Follows the bytes of a stream.
pub(super) struct Framing {
    state: State,
    line: [u8; KEPT],
    /// The length of the line so far, including bytes that are not kept.
    length: usize,
    /// Whether the head has a line.
    begun: bool,
    body: Body,
}

enum State {
    /// The lines of a head.
    Head,
    /// The remaining bytes of a body.
    Body(u64),
    /// The size of a chunk (RFC 9112 §7.1).
    ChunkSize,
    /// The remaining bytes of a chunk and of its line end.
    Chunk(u64),
    /// The lines after the last chunk.
    Trailers,
}

/// The length of the body, as the head gives it.
enum Body {
    None,
    Length(u64),
    Chunked,
}

impl Framing {
    /// The state at the beginning of a stream.
    pub(super) const fn new() -> Self {
        Self { state: State::Head, line: [0; KEPT], length: 0, begun: false, body: Body::None }
    }

    /// How many of these bytes certainly belong to a body. None where lines are read.
    pub(super) fn within_body(&self, bytes: &[u8]) -> Option<usize> {
        let (State::Body(left) | State::Chunk(left)) = self.state else { return None };
        Some(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()))
    }

    /// Passes bytes of a body, as many as [`within_body`](Self::within_body) said.
    pub(super) fn pass_body(&mut self, count: usize) {
        let count = count as u64;
        self.state = match self.state {
            State::Body(left) if left > count => State::Body(left - count),
            State::Chunk(left) if left > count => State::Chunk(left - count),
            State::Chunk(_) => State::ChunkSize,
            _ => State::Head,
        };
    }

    /// Whether the end of the line would be the end of a head, when `more` is the rest of the line.
    pub(super) fn would_end_head(&self, more: &[u8]) -> bool {
        let is_empty = |bytes: &[u8]| bytes.iter().all(|byte| *byte == b'\r');
        matches!(self.state, State::Head)
            && self.begun
            && self.length <= KEPT
            && is_empty(&self.line[..self.length])
            && is_empty(more)
    }

    /// Passes a part of a line.
    pub(super) fn pass(&mut self, part: &[u8]) {
        let room = KEPT.saturating_sub(self.length).min(part.len());
        if room > 0 {
            self.line[self.length..self.length + room].copy_from_slice(&part[..room]);
        }
        self.length += part.len();
    }

    /// Passes the end of a line.
    pub(super) fn end_line(&mut self) {
        let line = self.line;
        let line = line[..self.length.min(KEPT)].trim_ascii_end();
        self.length = 0;
        match self.state {
            State::Head if line.is_empty() => {
                // Empty lines before a request are ignored (RFC 9112 §2.2).
                if std::mem::take(&mut self.begun) {
                    self.state = match std::mem::replace(&mut self.body, Body::None) {
                        Body::Chunked => State::ChunkSize,
                        Body::Length(length) if length > 0 => State::Body(length),
                        Body::Length(_) | Body::None => State::Head,
                    };
                }
            }
            State::Head => {
                if self.begun {
                    self.read_field(line);
                }
                self.begun = true;
            }
            State::ChunkSize => {
                let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
                let size = std::str::from_utf8(digits.trim_ascii()).ok();
                self.state = match size.and_then(|size| u64::from_str_radix(size, 16).ok()) {
                    Some(0) => State::Trailers,
                    Some(size) => State::Chunk(size.saturating_add(2)),
                    // An invalid size: the HTTP layer refuses it, or reads it as a head.
                    None => {
                        self.begun = true;
                        State::Head
                    }
                };
            }
            State::Trailers if line.is_empty() => self.state = State::Head,
            State::Trailers | State::Body(_) | State::Chunk(_) => {}
        }
    }

    fn read_field(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.body = Body::Chunked;
        } else if name.eq_ignore_ascii_case(b"content-length")
            && !matches!(self.body, Body::Chunked)
            && value.iter().all(u8::is_ascii_digit)
            && let Some(length) = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok())
        {
            self.body = Body::Length(length);
        }
    }
}
