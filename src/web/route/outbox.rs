//! `/outbox` of a development server: the messages it sent. A production server has none: the page does not exist there.

use http::{StatusCode, header};
use poem::{Request, Response, handler};

use super::{
    home::nothing_here,
    visit::{Visit, is_cross_site, set_headers},
};
use crate::{
    app::App,
    message::{Destination, dev_outbox::ShownMessage, render::Rendered},
    web::{
        headers,
        outbox::{Channel, OutboxMessage, OutboxPage, outbox, outbox_json},
    },
};

/// Shows the messages.
#[handler]
pub(crate) fn get(visit: Visit<'_>) -> Response {
    if !visit.app.settings.dev {
        return nothing_here(visit);
    }
    let page = outbox(&page(visit.app), &visit.nonce);
    let headers = headers::live(&visit.nonce, visit.hsts());
    visit.html(StatusCode::OK, headers, page)
}

/// The messages for tools on this machine, which no other site's script may read.
#[handler]
pub(crate) fn get_json(visit: Visit<'_>, request: &Request) -> Response {
    let app = visit.app;
    if !app.settings.dev || is_cross_site(request, &app.settings.issuer) {
        return nothing_here(visit);
    }
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .body(outbox_json(&page(app)).to_string());
    set_headers(&mut response, headers::document(visit.hsts()));
    response
}

/// One mail as its reader sees it.
#[handler]
pub(crate) fn get_mail(visit: Visit<'_>, request: &Request) -> Response {
    let app = visit.app;
    let found = request.raw_path_param("message_id").and_then(|id| app.dev_outbox.find(id));
    let Some(ShownMessage { rendered: Rendered::Mail(mail), .. }) = found.filter(|_| app.settings.dev) else {
        return nothing_here(visit);
    };
    let mut response =
        Response::builder().header(header::CONTENT_TYPE, "text/html; charset=utf-8").body(mail.html);
    set_headers(&mut response, headers::mail(visit.hsts()));
    response
}

fn page(app: &App) -> OutboxPage {
    let couriers = &app.couriers;
    let configured = [
        (couriers.mailer.is_some(), "mail server"),
        (couriers.sms.is_some() || couriers.voice.is_some(), "telephony provider"),
    ];
    OutboxPage {
        messages: app.dev_outbox.all().into_iter().map(view).collect(),
        couriers: configured.into_iter().filter_map(|(is_there, name)| is_there.then_some(name)).collect(),
    }
}

fn view(message: ShownMessage) -> OutboxMessage {
    let (channel, to) = match message.to {
        Destination::Email(address) => (Channel::Email, address),
        Destination::Sms(number) => (Channel::Sms, number),
        Destination::Call { number, extension: None } => (Channel::Call, number),
        Destination::Call { number, extension: Some(extension) } => {
            (Channel::Call, format!("{number}, extension {extension}"))
        }
    };
    let (subject, text) = match message.rendered {
        Rendered::Mail(mail) => (mail.subject, mail.text),
        Rendered::Sms(text) => (String::new(), text),
        Rendered::Call(sentences) => (String::new(), sentences.join("\n")),
    };
    OutboxMessage {
        id: message.id,
        at: message.at,
        channel,
        to,
        login: message.login,
        subject,
        text,
        code: message.code,
        link: message.link,
    }
}
