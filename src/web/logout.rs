//! The logout confirmation and the page after it (RP-Initiated Logout 1.0 §2, §3).

use maud::{Markup, PreEscaped, html};

use super::layout::{
    Card, ClientCard, FlowForm, Person, Width, card, card_with_head, hidden, person, web_link,
};
use super::response::script_json;
use super::{icon, id};

/// The value of the field `decision` that the sign-out button sends.
pub const DECISION_CONFIRM: &str = "confirm";

/// The value of the field `decision` that the stay button sends.
pub const DECISION_CANCEL: &str = "cancel";

/// What the logout confirmation shows.
#[derive(Clone, Debug)]
pub struct LogoutPage {
    /// The client that asked, when it was identified.
    pub client: Option<ClientCard>,
    /// Who is signed in.
    pub user: Option<Person>,
    /// Where the form goes; its fields are `flow_id`, `csrf`, `decision`.
    pub form: FlowForm,
}

/// What the page after signing out shows.
#[derive(Clone, Debug, Default)]
pub struct SignedOutPage {
    /// The client that asked, when it was identified.
    pub client: Option<ClientCard>,
    /// Where one can sign in again.
    pub sign_in_href: Option<String>,
    /// What is loaded in hidden frames (Front-Channel Logout 1.0 §3).
    pub frames: Vec<String>,
}

/// What the page between signing out and the return to the client shows.
#[derive(Clone, Debug)]
pub struct LoggingOutPage {
    /// The client that asked, when it was identified.
    pub client: Option<ClientCard>,
    /// What is loaded in hidden frames (Front-Channel Logout 1.0 §3).
    pub frames: Vec<String>,
    /// Where the browser goes when they are loaded, or have taken too long.
    pub redirect: String,
}

/// How long frames may take before the page moves on: by script, in milliseconds, and without it, in seconds.
const PATIENCE: (u32, u32) = (3000, 5);

fn hidden_frames(frames: &[String]) -> Markup {
    html! {
        @for frame in frames {
            iframe src=(frame) hidden title="Signing out" referrerpolicy="no-referrer" {}
        }
    }
}

/// Renders the page that signs out of other applications and then returns to the client by itself.
pub fn logging_out(page: &LoggingOutPage, nonce: &str) -> Markup {
    let (script_waits, page_waits) = PATIENCE;
    // The load event of the page waits for its frames.
    let script = format!(
        "(function(u){{window.onload=function(){{location.replace(u);}};setTimeout(window.onload,{script_waits});}})({});",
        script_json(&page.redirect.as_str().into()),
    );
    let frame = Card {
        id: id::LOGGING_OUT_PAGE,
        title: "Signing out",
        width: Width::Narrow,
        client: page.client.as_ref(),
    };
    card_with_head(
        &frame,
        &html! { meta http-equiv="refresh" content=(format!("{page_waits};url={}", page.redirect)); },
        html! {
            header.head {
                div class="tile good" { (icon::tick(28)) }
                h1 { "You are signed out" }
                p role="status" {
                    "Telling your other applications, then returning you to "
                    @if let Some(client) = &page.client { strong { bdi { (client.name) } } }
                    @else { "the application" }
                    "."
                }
            }
            div.buttons { a.button.primary href=(page.redirect) rel="noreferrer" { "Continue" } }
            (hidden_frames(&page.frames))
            script nonce=(nonce) { (PreEscaped(script)) }
        },
    )
}

/// Renders the logout confirmation.
pub fn logout(page: &LogoutPage) -> Markup {
    let frame =
        Card { id: id::LOGOUT_PAGE, title: "Sign out", width: Width::Narrow, client: page.client.as_ref() };
    card(
        &frame,
        html! {
            header.head {
                div.tile { (icon::exit(26)) }
                h1 { "Sign out?" }
                @if let Some(client) = &page.client {
                    p { strong { bdi { (client.name) } } " asks to end your session here" }
                } @else {
                    p { "This ends your session in this browser" }
                }
            }
            form.stack id="logout-form" method="post" action=(page.form.action) {
                (hidden(&page.form))
                @if let Some(user) = &page.user {
                    div.identity { span.unseen { "Signed in as " } (person(user, None)) }
                }
                div.buttons {
                    button.button.primary type="submit" id=(id::LOGOUT_CONFIRM) name="decision" value=(DECISION_CONFIRM) { "Sign out" }
                    button.button type="submit" id=(id::LOGOUT_CANCEL) name="decision" value=(DECISION_CANCEL) { "Stay signed in" }
                }
            }
        },
    )
}

/// Renders the page after signing out.
pub fn signed_out(page: &SignedOutPage) -> Markup {
    let back =
        page.client.as_ref().and_then(|client| Some((&client.name, web_link(client.client_uri.as_deref())?)));
    let frame = Card {
        id: id::SIGNED_OUT_PAGE,
        title: "Signed out",
        width: Width::Narrow,
        client: page.client.as_ref(),
    };
    card(
        &frame,
        html! {
            header.head {
                div class="tile good" { (icon::tick(28)) }
                h1 { "You are signed out" }
                p { "Your session in this browser has ended. On a shared computer, close the browser as well." }
            }
            @if back.is_some() || page.sign_in_href.is_some() {
                div.buttons {
                    @if let Some((name, href)) = back {
                        a.button.primary href=(href) rel="noreferrer" { span { "Back to " bdi { (name) } } }
                    }
                    @if let Some(href) = &page.sign_in_href { a.button href=(href) { "Sign in again" } }
                }
            }
            (hidden_frames(&page.frames))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::{HOSTILE, assert_escaped, assert_ids, client, form};

    fn page(text: &str) -> LogoutPage {
        let user = Person { display_name: text.to_owned(), login: format!("{text}@example.com") };
        LogoutPage { client: Some(client(text)), user: Some(user), form: form(text) }
    }

    fn after(text: &str) -> SignedOutPage {
        SignedOutPage {
            client: Some(client(text)),
            sign_in_href: Some(format!("/?{text}")),
            frames: vec![format!("https://rp.example/?{text}")],
        }
    }

    fn between(text: &str) -> LoggingOutPage {
        LoggingOutPage {
            client: Some(client(text)),
            frames: vec![format!("https://rp.example/?{text}")],
            redirect: format!("https://rp.example/goodbye?{text}"),
        }
    }

    #[test]
    fn sec_x01_the_redirect_cannot_leave_its_script() {
        for text in HOSTILE {
            let html = logging_out(&between(text), "n0nce").into_string();
            assert_eq!((html.matches("<script").count(), html.matches("</script").count()), (1, 1), "{text}");
        }
    }

    #[test]
    fn the_page_in_between_moves_on_by_one_line_of_script_by_refresh_or_by_hand() {
        let html = logging_out(&between("a=\"b\"&c"), "n0nce").into_string();
        let target = "https://rp.example/goodbye?a=&quot;b&quot;&amp;c";
        assert!(
            html.contains(&format!("<meta http-equiv=\"refresh\" content=\"5;url={target}\">")),
            "{html}"
        );
        assert!(html.contains(&format!("href=\"{target}\"")));
        assert_eq!(html.matches("<iframe").count(), 1);
        let script =
            html.split("<script nonce=\"n0nce\">").nth(1).unwrap().split("</script>").next().unwrap();
        assert!(!script.contains('\n') && !script.contains("=>") && !script.contains("let "), "{script}");
        assert_ids(&html, &[id::LOGGING_OUT_PAGE]);
    }

    #[test]
    fn sec_x01_every_text_on_the_logout_pages_is_escaped() {
        assert_escaped(|text| logout(&page(text)));
        assert_escaped(|text| signed_out(&after(text)));
    }

    #[test]
    fn the_logout_pages_keep_their_ids() {
        assert_ids(
            &logout(&page("Acme")).into_string(),
            &[id::LOGOUT_PAGE, id::LOGOUT_CONFIRM, id::LOGOUT_CANCEL],
        );
        assert_ids(&signed_out(&after("Acme")).into_string(), &[id::SIGNED_OUT_PAGE]);
    }
}
