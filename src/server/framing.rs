//! Finds the ends of request heads in a stream of bytes (RFC 9112).
//!
//! The HTTP layer parses and validates requests; nothing here changes their interpretation. If this mistook a head
//! for a part of a body, a client would bypass the limit on pipelined requests. So a length is only trusted if the
//! HTTP layer certainly reads the same one; otherwise every empty line is treated as the end of a head from then
//! on, which at most delays bytes.

/// How many bytes of a line are kept: enough for the fields with the length of a body, as clients write them.
const KEPT: usize = 64;

/// Follows the bytes of a stream.
pub(super) struct Framing {
    state: State,
    line: [u8; KEPT],
    /// The length of the line so far, including bytes that are not kept.
    length: usize,
    /// The last byte of the line so far.
    last: u8,
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
    /// Lines of which any empty one behind another may end a head: the length of a body was not certain.
    Unsure,
}

/// The length of the body, as the head gives it.
enum Body {
    None,
    Length(u64),
    Chunked,
    /// An untrusted length.
    Unsure,
}

impl Framing {
    /// The state at the beginning of a stream.
    pub(super) const fn new() -> Self {
        Self {
            state: State::Head,
            line: [0; KEPT],
            length: 0,
            last: 0,
            begun: false,
            body: Body::None,
        }
    }

    /// How many of these bytes certainly belong to a body. `None` while lines are read.
    pub(super) fn within_body(&self, bytes: &[u8]) -> Option<usize> {
        let (State::Body(left) | State::Chunk(left)) = self.state else { return None };
        Some(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()))
    }

    /// Skips bytes of a body, as many as [`within_body`](Self::within_body) returned.
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
        matches!(self.state, State::Head | State::Unsure)
            && self.begun
            && self.length <= KEPT
            && is_blank(&self.line[..self.length])
            && is_blank(more)
    }

    /// Passes a part of a line.
    pub(super) fn pass(&mut self, part: &[u8]) {
        let room = KEPT.saturating_sub(self.length).min(part.len());
        if room > 0 {
            self.line[self.length..self.length + room].copy_from_slice(&part[..room]);
        }
        self.length += part.len();
        self.last = part.last().copied().unwrap_or(self.last);
    }

    /// Passes the end of a line.
    pub(super) fn end_line(&mut self) {
        let line = self.line;
        let line = &line[..self.length.min(KEPT)];
        let is_whole = self.length <= KEPT;
        let ends_with_cr = self.length > 0 && self.last == b'\r';
        self.length = 0;
        match self.state {
            State::Head if is_whole && is_blank(line) => {
                // Empty lines before a request are ignored (RFC 9112 §2.2).
                if std::mem::take(&mut self.begun) {
                    self.state = match std::mem::replace(&mut self.body, Body::None) {
                        Body::Unsure => State::Unsure,
                        Body::Chunked => State::ChunkSize,
                        Body::Length(length) if length > 0 => State::Body(length),
                        Body::Length(_) | Body::None => State::Head,
                    };
                }
            }
            State::Head => {
                if self.begun {
                    self.read_field(line, is_whole);
                }
                self.begun = true;
            }
            State::ChunkSize => {
                self.state = match chunk_size(line, is_whole) {
                    Some(0) => State::Trailers,
                    Some(size) => State::Chunk(size.saturating_add(2)),
                    None => State::Unsure,
                };
                self.begun = matches!(self.state, State::Unsure);
            }
            // The HTTP layer does not accept a bare line feed here.
            State::Trailers if !ends_with_cr => {
                self.state = State::Unsure;
                self.begun = true;
            }
            State::Trailers if is_whole && line == b"\r" => self.state = State::Head,
            State::Unsure => self.begun = !(is_whole && is_blank(line)),
            State::Trailers | State::Body(_) | State::Chunk(_) => {}
        }
    }

    fn read_field(&mut self, line: &[u8], is_whole: bool) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let body = if name.eq_ignore_ascii_case(b"transfer-encoding") {
            value.eq_ignore_ascii_case(b"chunked").then_some(Body::Chunked)
        } else if name.eq_ignore_ascii_case(b"content-length") {
            number(value, 10).map(Body::Length)
        } else {
            return;
        };
        // Two lengths are refused by the HTTP layer, and so is another encoding.
        let is_first = matches!(self.body, Body::None);
        self.body = body.filter(|_| is_whole && is_first).unwrap_or(Body::Unsure);
    }
}

/// Whether a line is empty, less its end.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte == b'\r')
}

/// The size of a chunk in its line. `None` if it is not certain.
fn chunk_size(line: &[u8], is_whole: bool) -> Option<u64> {
    let extension = line.iter().position(|byte| *byte == b';');
    let digits = match extension {
        Some(at) => &line[..at],
        None => line,
    };
    if is_whole || extension.is_some() { number(digits.trim_ascii_end(), 16) } else { None }
}

/// A number of digits alone: no sign, no blanks.
fn number(text: &[u8], radix: u32) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let is_number = text.chars().all(|digit| digit.is_digit(radix));
    if is_number { u64::from_str_radix(text, radix).ok() } else { None }
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
