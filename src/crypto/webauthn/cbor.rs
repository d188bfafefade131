//! The subset of CBOR (RFC 8949) that authenticators write: the CTAP2 canonical form, in any order of keys.
//!
//! Owns the bounds: definite lengths, shortest integers, no duplicate keys, four levels of arrays and maps, few
//! items in each. Byte and text strings are borrowed, so that parsing allocates only the items.

use super::Invalid;

/// The most levels of arrays and maps.
const MAX_DEPTH: usize = 4;
/// The most items of an array, and the most pairs of a map.
const MAX_ITEMS: usize = 32;

/// A data item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A number; those of both signs have 64 bits.
    Integer(i128),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text string.
    Text(&'a str),
    /// An array.
    Array(Vec<Self>),
    /// A map, in the order of its encoding.
    Map(Vec<(Self, Self)>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

impl<'a> Item<'a> {
    /// The only item of `bytes`.
    ///
    /// # Errors
    /// If `bytes` is anything else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Invalid> {
        match Self::parse_first(bytes)? {
            (item, []) => Ok(item),
            _ => Err(Invalid::Malformed),
        }
    }

    /// The first item of `bytes`, and the bytes after it.
    ///
    /// # Errors
    /// If `bytes` does not begin with an item of this form.
    pub fn parse_first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Invalid> {
        let mut reader = Reader { rest: bytes };
        let item = reader.item(0)?;
        Ok((item, reader.rest))
    }

    /// The value of a text key, if this is a map that has it.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Self> {
        self.value(&Item::Text(key))
    }

    /// The value of an integer key, if this is a map that has it.
    #[must_use]
    pub fn labelled(&self, label: i128) -> Option<&Self> {
        self.value(&Item::Integer(label))
    }

    fn value(&self, key: &Item<'_>) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(found, _)| found == key).map(|(_, value)| value)
    }

    /// The bytes, if this is a byte string.
    #[must_use]
    pub const fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number, if this is one.
    #[must_use]
    pub const fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Invalid> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Invalid::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Invalid> {
        self.take(1)?.first().copied().ok_or(Invalid::Malformed)
    }

    /// The argument of a head (RFC 8949 §3), in its shortest form only.
    fn argument(&mut self, info: u8) -> Result<u64, Invalid> {
        let (width, least) = match info {
            0..24 => return Ok(u64::from(info)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            // 28 to 30 are not assigned, 31 is an indefinite length.
            _ => return Err(Invalid::Malformed),
        };
        let bytes = self.take(width)?;
        let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        if value < least { Err(Invalid::Malformed) } else { Ok(value) }
    }

    fn string(&mut self, length: u64) -> Result<&'a [u8], Invalid> {
        self.take(usize::try_from(length).map_err(|_| Invalid::Malformed)?)
    }

    fn item(&mut self, depth: usize) -> Result<Item<'a>, Invalid> {
        let head = self.byte()?;
        let (major, info) = (head >> 5, head & 31);
        if major == 7 {
            return match info {
                20 => Ok(Item::Bool(false)),
                21 => Ok(Item::Bool(true)),
                22 => Ok(Item::Null),
                // No authenticator writes floating-point numbers or other simple values.
                _ => Err(Invalid::Malformed),
            };
        }
        let argument = self.argument(info)?;
        match major {
            0 => Ok(Item::Integer(i128::from(argument))),
            1 => Ok(Item::Integer(-1 - i128::from(argument))),
            2 => Ok(Item::Bytes(self.string(argument)?)),
            3 => {
                let text = std::str::from_utf8(self.string(argument)?);
                Ok(Item::Text(text.map_err(|_| Invalid::Malformed)?))
            }
            4 => {
                let mut items = Vec::new();
                for _ in 0..count(argument, depth)? {
                    items.push(self.item(depth + 1)?);
                }
                Ok(Item::Array(items))
            }
            5 => {
                let mut pairs = Vec::new();
                for _ in 0..count(argument, depth)? {
                    let key = self.item(depth + 1)?;
                    if pairs.iter().any(|(known, _)| *known == key) {
                        return Err(Invalid::Malformed);
                    }
                    pairs.push((key, self.item(depth + 1)?));
                }
                Ok(Item::Map(pairs))
            }
            // Tags.
            _ => Err(Invalid::Malformed),
        }
    }
}

/// The number of items after the head of an array or map at this depth.
fn count(argument: u64, depth: usize) -> Result<usize, Invalid> {
    let count = usize::try_from(argument).ok().filter(|count| *count <= MAX_ITEMS);
    count.filter(|_| depth < MAX_DEPTH).ok_or(Invalid::Malformed)
}

#[cfg(test)]
#[path = "cbor_tests.rs"]
mod tests;
