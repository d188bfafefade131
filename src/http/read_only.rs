//! Members of a `PATCH` that the request cannot change.
//!
//! They are accepted when they equal the stored value, so that the response to a `GET` can be changed in one
//! place and sent back.

use std::future::Future;

use serde_json::Value;

use crate::domain::outcome::{Code, Failure, FieldError, Refusal};

use super::context::Context;
use super::error::Problem;
use super::openapi::ReadOnlyMember;

/// Read-only members with the sent values.
#[derive(Default)]
#[must_use]
pub struct ReadOnly(Vec<(&'static ReadOnlyMember, Value)>);

impl ReadOnly {
    /// Adds one.
    pub fn add(&mut self, member: &'static ReadOnlyMember, value: Value) {
        self.0.push((member, value));
    }

    /// Whether one has this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(member, _)| member.name() == name)
    }

    /// The members with a value whose type differs from the resource's.
    pub fn mistyped(&self) -> impl Iterator<Item = FieldError> {
        let mistyped = self.0.iter().filter(|(member, sent)| !member.member.schema.has_type(sent));
        mistyped.map(|(member, _)| differs(member))
    }

    /// Compares the sent read-only members with the resource, which `present` reads. Without such members nothing
    /// is read.
    ///
    /// # Errors
    /// `read_only`, with the calls that change the differing members.
    pub async fn check(
        self,
        context: &Context,
        present: impl Future<Output = Result<Value, Failure>> + Send + 'static,
    ) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let present = context.run(present).await?;
        context.check(self.compare(&present))
    }

    /// Compares them with the JSON of the resource.
    ///
    /// # Errors
    /// As [`ReadOnly::check`].
    pub fn compare(&self, present: &Value) -> Result<(), Refusal> {
        let others =
            self.0.iter().filter(|(member, sent)| present.get(member.name()) != Some(sent));
        let fields: Vec<FieldError> = others.map(|(member, _)| differs(member)).collect();
        if fields.is_empty() {
            return Ok(());
        }
        let message = "This request cannot change the members named in errors.";
        Err(Refusal { fields, ..Refusal::new(Code::ReadOnly, message) })
    }
}

fn differs(member: &ReadOnlyMember) -> FieldError {
    let (code, message) = (Code::ReadOnly.as_str(), member.changed_by);
    FieldError { field: member.name(), code, message }
}
