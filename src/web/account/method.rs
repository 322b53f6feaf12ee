//! The page of one factor: its name, and its end.

use maud::{Markup, html};

use super::{Frame, Place, Problem, alert, overview::Method, page, when, why_kept};
use crate::{
    authn::account::Kept,
    model::factor::FactorStatus,
    web::{
        factor::name,
        id,
        layout::{FlowForm, Person, hidden},
    },
};

/// The value of the field `action` that saves the name.
pub const ACTION_RENAME: &str = "rename";
/// The value of the field `action` that removes the factor.
pub const ACTION_REMOVE: &str = "remove";

/// What the page shows.
#[derive(Clone, Debug)]
pub struct MethodPage {
    /// Whose account it is.
    pub person: Person,
    /// The factor.
    pub method: Method,
    /// What the field for the name starts with.
    pub typed: String,
    /// Why nothing was changed.
    pub problem: Option<Problem>,
    /// Why it cannot be removed; absent: it can.
    pub kept: Option<Kept>,
    /// Sends `action`, and `name`.
    pub form: FlowForm,
}

/// Renders the page.
pub fn method(view: &MethodPage) -> Markup {
    let method = &view.method;
    let frame =
        Frame { id: id::METHOD_PAGE, title: method.title(), person: &view.person, place: Place::Below };
    let wrong = matches!(view.problem, Some(Problem::Invalid(_)));
    let (invalid, described) =
        if wrong { (Some("true"), "account-error name-help") } else { (None, "name-help") };
    page(
        &frame,
        &html! {
            (alert(view.problem.as_ref()))
            div.sections {
                section.part aria-labelledby="facts-title" {
                    h2 id="facts-title" { "Details" }
                    dl.facts {
                        div { dt { "Kind" } dd { (name(method.kind)) } }
                        @if let Some(detail) = &method.detail { div { dt { "What" } dd { bdi { (detail) } } } }
                        div { dt { "Added" } dd { (when(method.added)) } }
                        div { dt { "Last used" } dd { @if let Some(used) = method.used { (when(used)) } @else { "Never" } } }
                    }
                }
                section.part aria-labelledby="name-title" {
                    h2 id="name-title" { "Name" }
                    form.inline id="name-form" method="post" action=(view.form.action) {
                        (hidden(&view.form))
                        div.field {
                            label for=(id::METHOD_NAME) { "What you call it" }
                            input type="text" id=(id::METHOD_NAME) name="name" value=(view.typed) maxlength="64" autocomplete="off"
                                aria-invalid=[invalid] aria-describedby=(described);
                            p.help id="name-help" { "Up to 64 characters; leave it empty to use the usual name." }
                        }
                        button.button.small type="submit" id=(id::METHOD_RENAME) name="action" value=(ACTION_RENAME) { "Save name" }
                    }
                }
                section.part aria-labelledby="remove-title" {
                    h2 id="remove-title" { "Remove" }
                    @if let Some(kept) = view.kept {
                        p id="kept" { (why_kept(kept)) }
                    } @else {
                        p { (consequences(method.status)) }
                        form.stack id="remove-form" method="post" action=(view.form.action) {
                            (hidden(&view.form))
                            div.after {
                                button.button.danger.small type="submit" id=(id::METHOD_REMOVE) name="action" value=(ACTION_REMOVE) {
                                    "Remove " (method.title())
                                }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn consequences(status: FactorStatus) -> &'static str {
    match status {
        FactorStatus::PendingActivation => "It was never finished: nothing else changes.",
        FactorStatus::Active | FactorStatus::Inactive => {
            "You can no longer sign in with it. Devices that were remembered are asked again, and with your last method \
             your recovery codes go, too."
        }
    }
}
