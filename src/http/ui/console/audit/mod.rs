//! `/admin/audit`: the audit trail.

mod filters;

use actix_web::{HttpRequest, HttpResponse};

use crate::admin::audit::{self, EventPage, ExportFormat};
use crate::domain::audit_filter::AuditFilter;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::pagination::PageRequest;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Choice, Field, Section};
use crate::http::{audit_export, audit_params};

use super::access::Action;
pub(super) use super::event_table::users_of;
use super::{Console, Content, OrPageOf, enter_with, go_here, submitted};
use filters::AuditQuery;
pub(super) use filters::knows;

/// The list of the events that the address names.
pub async fn list(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadAudit, params).await?;
    if params.has_blank() || params.get("add").is_some() {
        return Ok(console.tidy(&AuditQuery::of(&params.filled_in())));
    }
    console.audit(&params).await.or_page_of(&console)
}

/// Downloads the events that match the filters. The export itself is recorded first.
pub async fn post_export(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, mut form) = submitted(context, &request, form, Action::ExportAudit).await?;
    let format = form.take("format");
    let outcome = console.export(&format, &form.into_params().filled_in()).await;
    outcome.or_page_of(&console)
}

impl Console {
    /// Redirects to the address with only the filters that were filled in, and each kind once.
    fn tidy(&self, set: &AuditQuery) -> HttpResponse {
        let to = self.link("/admin/audit").with_query(&set.with(&[]));
        self.used(go_here(HttpResponse::SeeOther(), &to))
    }

    async fn audit(&self, params: &Params) -> Result<HttpResponse, Problem> {
        let set = AuditQuery::of(params);
        let context = self.context();
        let after = params.get("after").unwrap_or_default();
        let request = PageRequest { after: PageRequest::cursor(after), ..PageRequest::default() };
        match audit_params::filter(context, params).await {
            Ok(filter) => {
                let work = audit::list(context.app.clone(), filter.clone(), request);
                let found = context.run(work).await?;
                self.audit_page(&set, &filter, (after, &found)).await
            }
            Err(problem) if problem.code() == Code::NotFound => {
                let is_user = params.get("actor").is_none()
                    || audit_params::user(context, params).await.is_err();
                let field = if is_user { "user" } else { "actor" };
                let search = self.search_links(params.get(field));
                Ok(self.audit_refused(&set, &self.unknown_name(field), Some(search)))
            }
            Err(problem) => Ok(self.audit_refused(&set, &problem, None)),
        }
    }

    /// The form again, with its errors.
    fn audit_refused(
        &self,
        set: &AuditQuery,
        problem: &Problem,
        search: Option<Block>,
    ) -> HttpResponse {
        let mut form = self.audit_form(set);
        let name = |field: &Field| if field.name == "add" { "kind" } else { field.name };
        let alert = self.mark_errors(&mut form.fields, Some(problem), name);
        let mut blocks: Vec<Block> = alert.into_iter().chain([Block::Form(form)]).collect();
        blocks.extend(search);
        blocks.push(Block::Links(self.audit_filter_links(set, None)));
        let content = self.audit_content(set, blocks);
        self.show_as(problem.head(), Content { same_as: String::new(), ..content })
    }

    async fn audit_page(
        &self,
        set: &AuditQuery,
        filter: &AuditFilter,
        (after, found): (&str, &EventPage),
    ) -> Result<HttpResponse, Problem> {
        let locale = self.locale();
        let EventPage { page, cut_off } = found;
        let names = self.names(users_of(&page.data).chain(filter.user)).await?;
        let mut table = self.event_table(&page.data, &names, page.next.is_some());
        let to = |after: &str| self.link("/admin/audit").with_query(&set.with(&[("after", after)]));
        table.newest = (!after.is_empty()).then(|| (to(""), locale.t("console.first_page")));
        table.older = page.next.as_deref().map(|next| (to(next), locale.t("console.next_page")));
        let login = filter.user.and_then(|id| names.get(&id));
        let mut links = self.audit_filter_links(set, login.map(String::as_str));
        if let (Some(id), Some(login)) = (filter.user, login) {
            links.push(Choice::link(login, self.user_link(id)));
        }
        let mut blocks = vec![Block::Form(self.audit_form(set))];
        if !links.is_empty() {
            blocks.push(Block::Links(links));
        }
        if *cut_off {
            let most = audit::MAX_EXAMINED.to_string();
            blocks.push(Block::Text(locale.with("console.audit.cut_off", &[("n", &most)])));
        }
        if page.data.is_empty() {
            blocks.extend(self.no_client(filter.client_id.as_deref()));
        }
        blocks.push(Block::table(table));
        if self.may(Action::ExportAudit) {
            blocks.push(Block::Form(self.audit_export_form(set)));
        }
        Ok(self.show(self.audit_content(set, blocks)))
    }

    fn audit_content(&self, set: &AuditQuery, blocks: Vec<Block>) -> Content<'_> {
        Content {
            menu: "/admin/audit",
            title: self.locale().t("console.audit").to_owned(),
            notice: None,
            search: String::new(),
            same_as: format!("signet audit list{}", set.options()),
            sections: vec![Section { blocks, ..Section::default() }],
        }
    }

    async fn export(&self, format: &str, params: &Params) -> Result<HttpResponse, Problem> {
        let context = self.context();
        let unknown = || Refusal::field("format", "unknown", "format is csv or ndjson.");
        let format: ExportFormat = context.check(format.parse().map_err(|_| unknown()))?;
        let filter = audit_params::filter(context, params).await?;
        context.run(audit::begin_export(context.app.clone(), format, self.info())).await?;
        Ok(self.used(audit_export::file(context.app.clone(), filter, format)))
    }
}
