//! The trace that a request belongs to (W3C Trace Context).
//!
//! Owns the form of the `traceparent` header. `http::request_ids` decides which callers may send one.

use std::fmt;

/// A span of a trace: the work of one server for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    parent_id: Option<[u8; 8]>,
    sampled: bool,
}

/// Bytes in lower-case hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex<const N: usize>([u8; N]);

/// The length of a header of version 00.
const LENGTH: usize = 55;

impl Trace {
    /// A new trace, with ids from random bytes.
    #[must_use]
    pub fn begun(random: [u8; 24]) -> Self {
        let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
        trace_id.copy_from_slice(&random[..16]);
        span_id.copy_from_slice(&random[16..]);
        // Ids of zeros only are invalid.
        trace_id[15] |= u8::from(trace_id == [0; 16]);
        span_id[7] |= u8::from(span_id == [0; 8]);
        Self { trace_id, span_id, parent_id: None, sampled: false }
    }

    /// The next span of the trace that a header names, with the span id of a new trace. `None` if the header is
    /// invalid (W3C Trace Context §2.2.2); of a later version, the known part is read.
    #[must_use]
    pub fn continued(self, header: &str) -> Option<Self> {
        let bytes = header.as_bytes();
        let version = hex::<1>(bytes.get(..2)?)?[0];
        let complete = match version {
            0 => bytes.len() == LENGTH,
            0xff => false,
            _ => bytes.len() == LENGTH || bytes.get(LENGTH) == Some(&b'-'),
        };
        let separated = [2, 35, 52].iter().all(|at| bytes.get(*at) == Some(&b'-'));
        if !complete || !separated {
            return None;
        }
        let trace_id = hex::<16>(&bytes[3..35]).filter(|id| *id != [0; 16])?;
        let parent_id = hex::<8>(&bytes[36..52]).filter(|id| *id != [0; 8])?;
        let flags = hex::<1>(&bytes[53..55])?[0];
        Some(Self { trace_id, parent_id: Some(parent_id), sampled: flags & 1 == 1, ..self })
    }

    /// The trace, sampled with this probability. The id decides, so that all servers with the same
    /// probability decide alike.
    #[cfg(feature = "otlp")]
    #[must_use]
    pub fn sampled_at(self, share: f64) -> Self {
        let low = u64::from_be_bytes(*self.trace_id.last_chunk().unwrap_or(&[0; 8])) >> 1;
        // The largest ids are rounded up to 2^63.
        let sampled = share >= 1.0 || (low as f64) < share * (1_u64 << 63) as f64;
        Self { sampled, ..self }
    }

    /// Whether its spans are recorded.
    #[cfg(feature = "otlp")]
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The id of the trace.
    #[must_use]
    pub const fn trace_id(&self) -> Hex<16> {
        Hex(self.trace_id)
    }

    /// The id of this span.
    #[must_use]
    pub const fn span_id(&self) -> Hex<8> {
        Hex(self.span_id)
    }

    /// The span of the caller, if it sent one.
    #[must_use]
    pub fn parent_id(&self) -> Option<Hex<8>> {
        self.parent_id.map(Hex)
    }

    /// The `traceparent` header for requests to other servers.
    #[must_use]
    pub fn header(&self) -> String {
        let flags = u8::from(self.sampled);
        format!("00-{}-{}-{flags:02x}", self.trace_id(), self.span_id())
    }
}

#[cfg(feature = "otlp")]
impl<const N: usize> Hex<N> {
    /// Its bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; N] {
        self.0
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text[..2 * N]).unwrap_or_default())
    }
}

/// Lower case only, as the standard requires.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
