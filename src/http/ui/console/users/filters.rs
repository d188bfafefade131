//! The filters of the list of users: the form, and a link for each that removes it.

use crate::http::ui::console::Console;
use crate::http::ui::pages::{Choice, Field, Form};

use super::list_query::{ListedState, UserListQuery};

impl Console {
    pub(super) fn user_filters(&self, wanted: &UserListQuery) -> Form {
        let locale = self.locale();
        let any = || (String::new(), locale.t("console.any").to_owned());
        let states = ListedState::ALL.iter();
        let states = states.map(|state| (state.to_string(), locale.t(state.name()).to_owned()));
        Form {
            action: self.link("/admin/users").to_string(),
            fields: vec![
                Field {
                    name: "q",
                    label: locale.t("console.users.find"),
                    value: wanted.q.clone(),
                    ..Field::default()
                },
                Field {
                    name: "state",
                    label: locale.t("console.state"),
                    value: wanted.state.map_or("", ListedState::as_str).to_owned(),
                    options: [any()].into_iter().chain(states).collect(),
                    ..Field::default()
                },
                Field {
                    name: "role",
                    label: locale.t("console.users.role"),
                    value: wanted.role.clone(),
                    ..Field::default()
                },
            ],
            submit: locale.t("console.filter").to_owned(),
            ..Form::default()
        }
    }

    /// For each filter a link to the list without it.
    pub(super) fn without_filters(&self, wanted: &UserListQuery) -> Vec<Choice> {
        let locale = self.locale();
        let UserListQuery { q, state, role, .. } = wanted;
        let without = |filter: &str, rest: UserListQuery| {
            let label = locale.with("console.filter.remove", &[("filter", filter)]);
            let to = self.link("/admin/users");
            Choice::link(
                label,
                match rest.is_filtered() {
                    true => to.with_query(&rest.at("", &[])),
                    false => to,
                },
            )
        };
        let kept = |q: &str, state, role: &str| UserListQuery {
            q: q.to_owned(),
            state,
            role: role.to_owned(),
            ..UserListQuery::default()
        };
        let mut links = Vec::new();
        if !q.is_empty() {
            links.push(without(q, kept("", *state, role)));
        }
        if let Some(state) = state {
            links.push(without(locale.t(state.name()), kept(q, None, role)));
        }
        if !role.is_empty() {
            let filter = format!("{}: {role}", locale.t("console.role"));
            links.push(without(&filter, kept(q, *state, "")));
        }
        links
    }
}
