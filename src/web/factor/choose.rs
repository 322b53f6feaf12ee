//! The page on which a user chooses the factor to prove.

use maud::{Markup, html};

use super::{
    name, picture,
    verify::{Remember, remember},
};
use crate::{
    id::FactorId,
    model::factor::FactorKind,
    web::{
        icon, id,
        step::{Page, Stage, page},
    },
};

/// The value of the field `action` that leads to the entry of a recovery code.
pub const ACTION_BACKUP_CODE: &str = "backup_code";

/// A factor that can be chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Which.
    pub id: FactorId,
    /// What it is.
    pub kind: FactorKind,
    /// Where a code would go, masked; or the question.
    pub detail: Option<String>,
}

/// Whether a recovery code is taken instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BackupCodes {
    /// It is.
    Offered,
    /// There are none.
    None,
}

/// Renders the page; the first choice is the best. Some ways are taken at once, so the box is here.
pub fn choose(stage: &Stage, choices: &[Choice], (backup, box_of): (BackupCodes, Remember)) -> Markup {
    let frame = Page {
        id: id::FACTOR_CHOICE_PAGE,
        title: "Confirm it’s you",
        purpose: html! { "Choose how" },
        icon: icon::shield(28),
    };
    page(
        stage,
        &frame,
        html! {
            // The enter key chooses nothing, but in the box: there it takes the first.
            ul.choices aria-label="Ways to confirm it’s you" {
                @for choice in choices {
                    li {
                        button.choice type="submit" name="factor" value=(choice.id) {
                            (picture(choice.kind))
                            span.text {
                                span { (name(choice.kind)) }
                                @if let Some(detail) = &choice.detail { span.detail { bdi { (detail) } } }
                            }
                        }
                    }
                }
                @if backup == BackupCodes::Offered {
                    li {
                        button.choice type="submit" name="action" value=(ACTION_BACKUP_CODE) id=(id::BACKUP_CODE_CHOICE) {
                            (icon::token(24))
                            span.text { span { "Recovery code" } span.detail { "One of the codes that you keep, or that you were given" } }
                        }
                    }
                }
            }
            (remember(box_of))
        },
    )
}
