//! JSON values as constants: the part of JSON Schema 2020-12 that the API needs.
//!
//! Owns the types and their constructors. A value is described once and rendered by `render`; the members of an
//! object stay plain slices, so that a parser can look up a name.

use serde_json::Value;

/// One JSON value.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The kind of value.
    pub kind: Kind,
    /// Whether `null` is allowed too.
    pub nullable: bool,
    /// The meaning of the value, unless the name tells it.
    pub description: Option<&'static str>,
    /// Limits and hints.
    pub keywords: &'static [Keyword],
}

/// The kinds of values.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// One of a fixed set of strings. A function, because the set belongs to a type of `domain`.
    OneOf(fn() -> Vec<&'static str>),
    /// An array.
    List(&'static Schema),
    /// An object with these members; others may be present.
    Object(&'static [Member]),
    /// An object with arbitrary names.
    Map(&'static Schema),
    /// A value of one of several JSON types; the schema is that of the elements of an array.
    Types(&'static [&'static str], Option<&'static Schema>),
    /// A page of a list: `data` and `next`.
    Page(&'static Schema),
    /// A value that satisfies all of these.
    AllOf(&'static [Schema]),
    /// A schema with a name of its own, referred to by that name.
    Named(&'static Named),
}

/// A schema that the document lists under `components`.
#[derive(Debug)]
pub struct Named {
    /// Its name, unique in the document.
    pub name: &'static str,
    /// The schema that references stand for.
    pub schema: Schema,
}

/// A limit or a hint.
#[derive(Debug, Clone, Copy)]
pub enum Keyword {
    /// `format`.
    Format(&'static str),
    /// `pattern`.
    Pattern(&'static str),
    /// `maxLength`, in characters.
    MaxLength(i64),
    /// `maxItems`.
    MaxItems(i64),
    /// `minimum`.
    Minimum(i64),
    /// `maximum`.
    Maximum(i64),
    /// `default`.
    Default(i64),
}

/// A member of an object, or a field of a form.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The name, as in the JSON object or the form.
    pub name: &'static str,
    /// Whether it must be present.
    pub required: bool,
    /// The schema of its value.
    pub schema: Schema,
}

/// A member that must be present.
pub const fn required(name: &'static str, schema: Schema) -> Member {
    Member { name, required: true, schema }
}

/// A member that may be absent.
pub const fn optional(name: &'static str, schema: Schema) -> Member {
    Member { name, required: false, schema }
}

/// Any string.
pub const TEXT: Schema = Schema::new(Kind::Text);
/// A list of strings.
pub const TEXTS: Schema = list(&TEXT);
/// A UUID.
pub const UUID: Schema = TEXT.with(&[Keyword::Format("uuid")]);
/// A point in time (RFC 3339).
pub const TIME: Schema = TEXT.with(&[Keyword::Format("date-time")]);
/// A whole number.
pub const INTEGER: Schema = Schema::new(Kind::Integer);
/// A boolean.
pub const BOOLEAN: Schema = Schema::new(Kind::Boolean);
/// An object with any members.
pub const ANY_OBJECT: Schema = object(&[]);

/// An array of such values.
pub const fn list(item: &'static Schema) -> Schema {
    Schema::new(Kind::List(item))
}

/// An object with these members.
pub const fn object(members: &'static [Member]) -> Schema {
    Schema::new(Kind::Object(members))
}

/// One of these strings.
pub const fn one_of(values: fn() -> Vec<&'static str>) -> Schema {
    Schema::new(Kind::OneOf(values))
}

/// A page of such values.
pub const fn page(item: &'static Schema) -> Schema {
    Schema::new(Kind::Page(item))
}

/// A value that satisfies all of these.
pub const fn all_of(parts: &'static [Schema]) -> Schema {
    Schema::new(Kind::AllOf(parts))
}

/// The schema listed under that name.
pub const fn named(target: &'static Named) -> Schema {
    Schema::new(Kind::Named(target))
}

impl Schema {
    /// A value of this kind.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, nullable: false, description: None, keywords: &[] }
    }

    /// Whether a value has the JSON type of this kind; its content is not checked.
    pub fn has_type(&self, value: &Value) -> bool {
        match self.kind {
            _ if value.is_null() => self.nullable,
            Kind::Text | Kind::OneOf(_) => value.is_string(),
            Kind::Integer => value.is_i64(),
            Kind::Boolean => value.is_boolean(),
            Kind::List(_) => value.is_array(),
            Kind::Object(_) | Kind::Map(_) | Kind::Page(_) => value.is_object(),
            Kind::Types(..) | Kind::AllOf(_) | Kind::Named(_) => true,
        }
    }

    /// The same, or `null`. A named schema has no such form.
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// The same, with its meaning.
    pub const fn about(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// The same, with limits and hints.
    pub const fn with(mut self, keywords: &'static [Keyword]) -> Self {
        self.keywords = keywords;
        self
    }
}

/// The texts of a `text_enum!`, as a schema.
macro_rules! texts_of {
    ($enum:ty) => {
        $crate::http::openapi::schema::one_of(|| {
            <$enum>::ALL.iter().map(|value| value.as_str()).collect()
        })
    };
}
pub(super) use texts_of;
