//! The filters of the list of sessions, and how many sessions there are.
//!
//! Keeps the filters in the address of the page, and owns for which of them all sessions can be ended at once.

use crate::admin::session_ends::{self, Bound, Call, Selection};
use crate::admin::time_bound::point_in_time;
use crate::admin::user_lookup;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::permission::TargetKind;
use crate::domain::session::SessionFilter;
use crate::domain::shell_word::option;
use crate::domain::user::User;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::pages::{Choice, Field, Form};

use crate::http::ui::console::access::Action;
use crate::http::ui::console::{Console, client_path, query};

/// The filters: the parameter, and the keys of its label and its hint.
const FILTERS: [(&str, &str, &str); 3] = [
    ("user", "console.user", "console.filter.user"),
    ("client", "console.client", "console.filter.client"),
    ("since", "console.filter.since", "console.filter.time"),
];

/// Whether the page reads a parameter.
pub(in crate::http::ui::console) fn knows(name: &str, _: &str) -> bool {
    name == "after" || FILTERS.iter().any(|(own, ..)| *own == name)
}

/// The filters that are set in an address.
pub(super) struct SessionQuery {
    set: Vec<(&'static str, String)>,
}

impl SessionQuery {
    /// The filters in the address of a page.
    pub(super) fn of(params: &Params) -> Self {
        let value = |name| Some((name, params.get(name)?.to_owned()));
        Self { set: FILTERS.iter().filter_map(|(name, ..)| value(*name)).collect() }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.set.iter().find(|(set, _)| *set == name).map(|(_, value)| &**value)
    }

    /// The query of the address of the page after `after`.
    pub(super) fn page_behind(&self, after: &str) -> String {
        let own = self.set.iter().map(|(name, value)| (*name, &**value));
        query(&own.chain([("after", after)]).collect::<Vec<_>>())
    }

    fn without(&self, name: &str) -> String {
        let rest = self.set.iter().filter(|(set, _)| *set != name);
        query(&rest.map(|(name, value)| (*name, &**value)).collect::<Vec<_>>())
    }

    /// The options of the command, with the login of the user.
    pub(super) fn options(&self, user: Option<&User>) -> String {
        let value = |name: &str, value: &str| match user.filter(|_| name == "user") {
            Some(user) => option("--user", &user.login),
            None => option(&format!("--{name}"), value),
        };
        self.set.iter().map(|(name, text)| value(name, text)).collect()
    }
}

impl Console {
    /// The selection of the filters, and the user that they name.
    pub(super) async fn session_filter(
        &self,
        set: &SessionQuery,
    ) -> Result<(SessionFilter, Option<User>), Problem> {
        let context = self.context();
        let user = match set.value("user") {
            None => None,
            Some(name) => {
                let work = user_lookup::resolve(context.app.clone(), name.to_owned());
                let found = context.run(work).await;
                Some(found.map_err(|problem| match problem.code() {
                    Code::NotFound => self.unknown_name("user"),
                    _ => problem,
                })?)
            }
        };
        let message = "since must be a time (RFC 3339), or how long ago, such as 2h or 30d.";
        let not_a_time = || Refusal::field("since", "not_a_time", message);
        let since = |text| point_in_time(text, self.now()).ok_or_else(not_a_time);
        let filter = SessionFilter {
            user: user.as_ref().map(|user| user.id),
            client_id: set.value("client").map(str::to_owned),
            since: context.check(set.value("since").map(since).transpose())?,
        };
        Ok((filter, user))
    }

    /// The form of the filters.
    pub(super) fn session_form(&self, set: &SessionQuery) -> Form {
        let locale = self.locale();
        let fields = FILTERS.map(|(name, label, hint)| Field {
            name,
            label: locale.t(label),
            hint: Some(locale.t(hint).to_owned()),
            value: set.value(name).unwrap_or_default().to_owned(),
            ..Field::default()
        });
        Form {
            action: self.link("/admin/sessions").to_string(),
            fields: fields.into(),
            submit: locale.t("console.filter").to_owned(),
            ..Form::default()
        }
    }

    /// A link for each filter that is set, to the page without it.
    pub(super) fn session_filter_links(
        &self,
        set: &SessionQuery,
        user: Option<&User>,
    ) -> Vec<Choice> {
        let locale = self.locale();
        let link = |(name, label, _): &(&'static str, &str, &str)| {
            let value = set.value(name)?;
            let shown = user.filter(|_| *name == "user").map_or(value, |user| &user.login);
            let filter = format!("{}: {shown}", locale.t(label));
            let label = locale.with("console.filter.remove", &[("filter", &filter)]);
            let to = self.link("/admin/sessions").with_query(&set.without(name));
            Some(Choice::link(label, to))
        };
        FILTERS.iter().filter_map(link).collect()
    }

    /// A link to end all matches, if they belong to one user or to one client and this user may end them.
    pub(super) async fn end_all_link(
        &self,
        filter: &SessionFilter,
        user: Option<&User>,
    ) -> Result<Option<Choice>, Problem> {
        let (which, kind, path) = match (user, &filter.client_id, filter.since) {
            (Some(user), None, None) => (
                Selection::User(user.id),
                TargetKind::of_user(user.role),
                format!("/admin/users/{}/end-sessions", user.id),
            ),
            (None, Some(client_id), None) => (
                Selection::Client(client_id.clone()),
                TargetKind::ANY_USER,
                format!("{}/end-sessions", client_path(client_id)),
            ),
            _ => return Ok(None),
        };
        if !self.may_to(Action::EndSessions, kind) {
            return Ok(None);
        }
        let count = self.session_count(which).await?;
        let label = self.locale().with("console.sessions.end_all", &[("count", &count)]);
        Ok(Some(Choice::danger(label, self.link(&path))))
    }

    /// The number of sessions and sign-ins of a selection, as text. Counting stops at a limit, which is then shown
    /// with a plus.
    pub(in crate::http::ui::console) async fn session_count(
        &self,
        which: Selection,
    ) -> Result<String, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let call = Call { which, after: None, bound: Bound::Page };
        let work = session_ends::count(context.app.clone(), call, context.now());
        let outcome = context.run(work).await?;
        let count = outcome.count.unwrap_or_default();
        let more = if outcome.next.is_some() { "+" } else { "" };
        let said = |n: u64, one: &str, several: &str| match (n, more) {
            (1, "") => locale.t(one).to_owned(),
            _ => locale.with(several, &[("n", &format!("{n}{more}"))]),
        };
        let sessions = said(count.sessions, "console.count.session", "console.count.sessions");
        if count.sign_ins == 0 {
            return Ok(sessions);
        }
        let sign_ins = said(count.sign_ins, "console.count.sign_in", "console.count.sign_ins");
        let both = [("sessions", &*sessions), ("sign_ins", &*sign_ins)];
        Ok(locale.with("console.count.both", &both))
    }
}
