//! The filters of the audit trail: as fields of a form, as links that remove one, and as options of the command.
//!
//! Keeps them in the address of the page, under the parameter names of `/v1/admin/audit`.

use crate::domain::audit::EventKind;
use crate::domain::failure_reason::FailureReason;
use crate::domain::shell_word::option;
use crate::http::extract::Params;
use crate::http::ui::pages::{Choice, Field, Form};

use crate::http::ui::console::{Console, query};

/// The filters: the parameter, the option of the command, and the keys of its label and its hint.
const FILTERS: [(&str, &str, &str, &str); 10] = [
    ("user", "--user", "console.whom", "console.filter.user"),
    ("kind", "--kind", "console.kind", ""),
    ("reason", "--reason", "console.reason", ""),
    ("since", "--since", "console.filter.since", "console.filter.time"),
    ("until", "--until", "console.filter.until", "console.filter.time"),
    ("address", "--address", "console.address", "console.filter.address"),
    ("client", "--client", "console.client", "console.filter.client"),
    ("actor", "--actor", "console.who", "console.filter.actor"),
    ("session", "--session", "console.session", "console.filter.session"),
    ("request", "--request", "console.request", "console.filter.request"),
];

/// Whether the page reads a parameter.
pub(in crate::http::ui::console) fn knows(name: &str, _: &str) -> bool {
    matches!(name, "user_id" | "after") || FILTERS.iter().any(|(own, ..)| *own == name)
}

/// The filters that are set in an address.
pub(super) struct AuditQuery {
    set: Vec<(&'static str, String)>,
}

impl AuditQuery {
    /// The filters in the address of a page. A kind that the form adds is added to the others.
    pub(super) fn of(params: &Params) -> Self {
        let set = FILTERS.iter().filter_map(|(name, ..)| {
            let mut value = params.get(name).unwrap_or_default().to_owned();
            if let Some(kind) = params.get("add").filter(|_| *name == "kind") {
                match value.split(',').any(|chosen| chosen == kind) {
                    false if value.is_empty() => kind.clone_into(&mut value),
                    false => value = format!("{value},{kind}"),
                    true => {}
                }
            }
            (!value.is_empty()).then_some((*name, value))
        });
        Self { set: set.collect() }
    }

    /// The query of an address with these filters and `more`.
    pub(super) fn with(&self, more: &[(&str, &str)]) -> String {
        let own = self.set.iter().map(|(name, value)| (*name, &**value));
        query(&own.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// The options of the command.
    pub(super) fn options(&self) -> String {
        let name = |name: &str| FILTERS.iter().find(|(own, ..)| *own == name);
        let options = self.set.iter();
        options.filter_map(|(set, value)| Some(option(name(set)?.1, value))).collect()
    }

    /// The value of a filter; empty if it is not set.
    fn value(&self, name: &str) -> &str {
        self.set.iter().find(|(set, _)| *set == name).map_or("", |(_, value)| value)
    }

    fn without(&self, name: &str, value: &str) -> String {
        let rest = self.set.iter().filter_map(|(set, text)| match *set == name {
            false => Some((*set, text.clone())),
            true => {
                let others: Vec<&str> = text.split(',').filter(|part| *part != value).collect();
                (name == "kind" && !others.is_empty()).then(|| (*set, others.join(",")))
            }
        });
        Self { set: rest.collect() }.with(&[])
    }
}

impl Console {
    /// A link for each filter that is set, to the page without it. `login` is the login of the user in the filter.
    pub(super) fn audit_filter_links(&self, set: &AuditQuery, login: Option<&str>) -> Vec<Choice> {
        let locale = self.locale();
        let mut links = Vec::new();
        for (name, _, label, _) in FILTERS {
            let value = set.value(name);
            let each = if name == "kind" { value.split(',').collect() } else { vec![value] };
            for value in each.into_iter().filter(|value| !value.is_empty()) {
                let shown = login.filter(|_| name == "user").unwrap_or(value);
                let filter = format!("{}: {shown}", locale.t(label));
                let label = locale.with("console.filter.remove", &[("filter", &filter)]);
                let to = self.link("/admin/audit").with_query(&set.without(name, value));
                links.push(Choice::link(label, to));
            }
        }
        links
    }

    /// The form of the filters.
    pub(super) fn audit_form(&self, set: &AuditQuery) -> Form {
        let locale = self.locale();
        let choice = |first: &str, all: Vec<&str>| {
            let first = (String::new(), locale.t(first).to_owned());
            let all = all.into_iter().map(|word| (word.to_owned(), word.to_owned()));
            [first].into_iter().chain(all).collect::<Vec<_>>()
        };
        let fields = FILTERS.map(|(name, _, label, hint)| {
            let mut field = Field {
                name,
                label: locale.t(label),
                value: set.value(name).to_owned(),
                hint: (!hint.is_empty()).then(|| locale.t(hint).to_owned()),
                ..Field::default()
            };
            if name == "kind" {
                let first = if field.value.is_empty() {
                    "console.filter.any"
                } else {
                    "console.filter.one_more"
                };
                field.name = "add";
                field.options =
                    choice(first, EventKind::ALL.iter().map(|kind| kind.as_str()).collect());
                field.value = String::new();
            } else if name == "reason" {
                let all = FailureReason::ALL.iter().map(|reason| reason.as_str()).collect();
                field.options = choice("console.filter.any", all);
            }
            field
        });
        Form {
            action: self.link("/admin/audit").to_string(),
            hidden: vec![("kind", set.value("kind").to_owned())],
            fields: fields.into(),
            submit: locale.t("console.filter").to_owned(),
            ..Form::default()
        }
    }

    /// The form that downloads all events of the filters.
    pub(super) fn audit_export_form(&self, set: &AuditQuery) -> Form {
        let locale = self.locale();
        let mut hidden: Vec<_> = set.set.clone();
        hidden.push(("csrf", self.csrf.clone()));
        let formats = [("csv", "CSV"), ("ndjson", "NDJSON")];
        let format = Field {
            name: "format",
            label: locale.t("console.audit.format"),
            value: "csv".to_owned(),
            options: formats.map(|(value, name)| (value.to_owned(), name.to_owned())).into(),
            ..Field::default()
        };
        Form {
            is_post: true,
            action: self.link("/admin/audit/export").to_string(),
            hidden,
            fields: vec![format],
            submit: locale.t("console.audit.download").to_owned(),
        }
    }
}
