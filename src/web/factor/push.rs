//! The pages on which a user waits for another device: to enrol it, or to be approved by it. With JavaScript they follow by
//! themselves (`assets/push.js`), without it by loading anew.

use maud::{Markup, html};

use super::{
    activate::ACTION_ACTIVATE,
    name, picture,
    verify::{ACTION_SEND, Remember, remember},
};
use crate::{
    model::{factor::FactorKind, push::PushResult},
    secret::Secret,
    web::{
        id,
        step::{Page, Stage, Way, following, main_button, page},
        style::PUSH_SCRIPT,
    },
};

/// How a page follows what another device does.
#[derive(Clone, Debug)]
pub struct Follow {
    /// The page itself.
    pub page: String,
    /// Where its script looks what is new.
    pub look: String,
    /// What the page shows now.
    pub state: &'static str,
    /// The nonce of the page's policy.
    pub nonce: String,
}

impl Follow {
    /// What a browser without JavaScript does instead.
    pub(in crate::web) fn head(&self) -> Markup {
        html! { noscript { meta http-equiv="refresh" content=(format!("4;url={}", self.page)); } }
    }

    /// The script, and what it needs.
    pub(in crate::web) fn script(&self) -> Markup {
        html! {
            div data-push=(self.look) data-push-page=(self.page) data-push-state=(self.state) hidden {}
            script type="module" src=(PUSH_SCRIPT.path()) nonce=(self.nonce) {}
        }
    }
}

/// What a device was asked, as far as the page shows it.
#[derive(Clone, Debug)]
pub struct Approval {
    /// What the user calls the device.
    pub device: Option<String>,
    /// What has become of it.
    pub result: PushResult,
    /// The number to pick there.
    pub number: Option<u8>,
}

/// The page that asks before a device is asked.
pub fn begin(stage: &Stage, device: Option<&str>, box_of: Remember) -> Markup {
    let frame = Page {
        id: id::FACTOR_PAGE,
        title: "Confirm it’s you",
        purpose: html! { "We ask you on " (called(device)) },
        icon: picture(FactorKind::Push),
    };
    page(stage, &frame, html! { (remember(box_of)) (main_button(ACTION_SEND, "Ask my device")) })
}

fn called(device: Option<&str>) -> Markup {
    html! { @match device { Some(name) => strong { bdi { (name) } }, None => "your device" } }
}

/// The page that waits for an approval, or tells that there is none.
pub fn approve(stage: &Stage, approval: &Approval, follow: &Follow) -> Markup {
    let device = approval.device.as_deref();
    let purpose = match approval.result {
        PushResult::Waiting | PushResult::Success => html! { "Answer on " (called(device)) },
        PushResult::Rejected => html! { "It was denied on " (called(device)) },
        PushResult::Timeout => html! { "There was no answer from " (called(device)) },
        PushResult::Cancelled => html! { "The question was taken back" },
    };
    let frame =
        Page { id: id::FACTOR_PAGE, title: "Confirm it’s you", purpose, icon: picture(FactorKind::Push) };
    if approval.result != PushResult::Waiting && approval.result != PushResult::Success {
        return page(stage, &frame, main_button(Way::Resend.action(), "Ask again"));
    }
    following(
        stage,
        &frame,
        &html! {
            @if let Some(number) = approval.number {
                p { "Open the Authenticator there and pick this number:" }
                output.number id=(id::PUSH_NUMBER) { (number) }
            } @else {
                p { "Open the Authenticator there and approve." }
            }
            p.help role="status" { "This page goes on by itself." }
        },
        follow,
    )
}

/// A device that is to be enrolled.
#[derive(Clone, Debug)]
pub struct Enrolling {
    /// The address of the picture.
    pub qr_href: String,
    /// The address that the device opens.
    pub address: Secret<String>,
}

/// The page that waits for a device to be enrolled; absent: its time is over.
pub fn enrol(stage: &Stage, enrolling: Option<(&Enrolling, &Follow)>) -> Markup {
    let frame = Page {
        id: id::ACTIVATE_PAGE,
        title: name(FactorKind::Push),
        purpose: html! { "Approve sign-ins on another device" },
        icon: picture(FactorKind::Push),
    };
    let Some((enrolling, follow)) = enrolling else {
        let again = html! {
            p { "The picture was shown for too long." }
            (main_button(ACTION_ACTIVATE, "Show a new one"))
        };
        return page(stage, &frame, again);
    };
    following(
        stage,
        &frame,
        &html! {
            p { "Scan the picture with the camera of the other device, and open what it finds. Any browser will do." }
            div.qr {
                img src=(enrolling.qr_href) width="240" height="240" id=(id::QR_CODE) alt="QR code with the address below";
            }
            details.manual {
                summary { "Can’t scan it?" }
                p.help id="address-help" { "Open this address on the other device, or give it to " code { "stepgate authenticator enroll" } ":" }
                code id=(id::PUSH_ADDRESS) aria-describedby="address-help" { (enrolling.address.expose()) }
            }
            p.help role="status" { "This page goes on by itself." }
        },
        follow,
    )
}
