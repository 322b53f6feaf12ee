//! OAuth 2.0 and OpenID Connect endpoints of the org authorization server (`/oauth2/v1/…`) and of custom ones
//! (`/oauth2/{authorizationServerId}/v1/…`). The browser's endpoints, `authorize` and `logout`, are in `web`.

pub(super) mod administrator;
mod client_schema;
mod clients;
mod device;
mod global_token_revocation;
mod introspect;
mod keys;
mod metadata;
mod par;
mod passkey_documents;
mod revoke;
mod schema;
pub(super) mod sender;
mod token;
mod userinfo;

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response, error::ResponseError, web::Data};
use poem_openapi::{OpenApi, param::Path};

use self::client_schema::{ClientDoc, ClientForm, ClientsDoc, DeletedDoc, RegisterDoc};
use self::clients::Action;
use self::schema::{
    DeviceDoc, DeviceForm, GlobalTokenRevocation, GlobalTokenRevocationDoc, IntrospectDoc, IntrospectForm,
    KeysDoc, MetadataDoc, ParDoc, ParForm, PasskeyEndpointsDoc, RelatedOriginsDoc, RevokeDoc, RevokeForm,
    TokenDoc, TokenForm, UserinfoDoc,
};
use self::sender::sender;
use super::{
    Served,
    error::{oauth::OAuthFailure, okta::Envelope},
    header_text,
    json_body::JsonBody,
    payload::{Answer, OAuthForm},
};
use crate::{
    app::App,
    cache::{documents::Document, servers::ServerState},
    model::authorization_server::AuthorizationServer,
    syslog::Caller,
};

/// The endpoints.
pub struct Endpoints(pub(super) Served);

/// The application and the server that a path names, or the answer that there is none.
type Server<'a> = Result<(&'a App, Arc<ServerState>), Response>;

impl Endpoints {
    async fn server(&self, id: &str) -> Server<'_> {
        let app = self.0.app()?;
        match app.server(id).await {
            Ok(Some(server)) => Ok((app, server)),
            Ok(None) => Err(Envelope::not_found(id, "AuthorizationServer").respond()),
            Err(fault) => Err(OAuthFailure::from(fault).as_response()),
        }
    }

    /// The custom server that a path names: the org server has paths of its own.
    async fn custom(&self, id: &str) -> Server<'_> {
        if id == AuthorizationServer::ORG {
            return Err(Envelope::not_found(id, "AuthorizationServer").respond());
        }
        self.server(id).await
    }
}

const ORG: &str = AuthorizationServer::ORG;

#[OpenApi]
impl Endpoints {
    /// Metadata of the org authorization server (OpenID Connect Discovery §4)
    #[oai(path = "/.well-known/openid-configuration", method = "get", operation_id = "openidConfiguration")]
    async fn openid_configuration(&self, request: &Request) -> Answer<MetadataDoc> {
        Answer::of(metadata::openid(self.server(ORG).await, request))
    }

    /// Metadata of the org authorization server (RFC 8414)
    #[oai(path = "/.well-known/oauth-authorization-server", method = "get", operation_id = "oauthMetadata")]
    async fn oauth_metadata(&self, request: &Request) -> Answer<MetadataDoc> {
        Answer::of(metadata::oauth(self.server(ORG).await, request))
    }

    /// Metadata of a custom authorization server (OpenID Connect Discovery §4)
    #[oai(
        path = "/oauth2/:authorization_server_id/.well-known/openid-configuration",
        method = "get",
        operation_id = "openidConfigurationCustom"
    )]
    async fn openid_configuration_custom(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
    ) -> Answer<MetadataDoc> {
        Answer::of(metadata::openid(self.custom(&authorization_server_id).await, request))
    }

    /// Metadata of a custom authorization server (RFC 8414, appended form)
    #[oai(
        path = "/oauth2/:authorization_server_id/.well-known/oauth-authorization-server",
        method = "get",
        operation_id = "oauthMetadataCustom"
    )]
    async fn oauth_metadata_custom(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
    ) -> Answer<MetadataDoc> {
        Answer::of(metadata::oauth(self.custom(&authorization_server_id).await, request))
    }

    /// Metadata of a custom authorization server (RFC 8414 §3.1, inserted form)
    #[oai(
        path = "/.well-known/oauth-authorization-server/oauth2/:authorization_server_id",
        method = "get",
        operation_id = "oauthMetadataInserted"
    )]
    async fn oauth_metadata_inserted(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
    ) -> Answer<MetadataDoc> {
        Answer::of(metadata::oauth(self.custom(&authorization_server_id).await, request))
    }

    /// Metadata of a custom authorization server (RFC 8414 §5, inserted form of OpenID Connect's)
    #[oai(
        path = "/.well-known/openid-configuration/oauth2/:authorization_server_id",
        method = "get",
        operation_id = "openidConfigurationInserted"
    )]
    async fn openid_configuration_inserted(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
    ) -> Answer<MetadataDoc> {
        Answer::of(metadata::openid(self.custom(&authorization_server_id).await, request))
    }

    /// Origins that use the passkeys of this installation (Web Authentication Level 3 §5.11.1)
    #[oai(path = "/.well-known/webauthn", method = "get", operation_id = "relatedOrigins")]
    #[expect(clippy::unused_async, reason = "operations are futures")]
    async fn related_origins(&self) -> Answer<RelatedOriginsDoc> {
        Answer::of(self.0.app().map(passkey_documents::related_origins))
    }

    /// Where people add and look after their passkeys (W3C, A Well-Known URL for Relying Party Passkey Endpoints)
    #[oai(path = "/.well-known/passkey-endpoints", method = "get", operation_id = "passkeyEndpoints")]
    #[expect(clippy::unused_async, reason = "operations are futures")]
    async fn passkey_endpoints(&self) -> Answer<PasskeyEndpointsDoc> {
        Answer::of(self.0.app().map(passkey_documents::passkey_endpoints))
    }

    /// Keys of the org authorization server (RFC 7517)
    #[oai(path = "/oauth2/v1/keys", method = "get", operation_id = "keys")]
    async fn keys(&self, request: &Request) -> Answer<KeysDoc> {
        Answer::of(keys::keys(self.server(ORG).await, request))
    }

    /// Keys of the org authorization server, where Okta's verifier looks for them
    #[oai(path = "/v1/keys", method = "get", operation_id = "keysAlias")]
    async fn keys_alias(&self, request: &Request) -> Answer<KeysDoc> {
        Answer::of(keys::keys(self.server(ORG).await, request))
    }

    /// Keys of a custom authorization server (RFC 7517)
    #[oai(path = "/oauth2/:authorization_server_id/v1/keys", method = "get", operation_id = "keysCustom")]
    async fn keys_custom(&self, authorization_server_id: Path<String>, request: &Request) -> Answer<KeysDoc> {
        Answer::of(keys::keys(self.custom(&authorization_server_id).await, request))
    }

    /// Tokens of the org authorization server (RFC 6749 §3.2)
    #[oai(path = "/oauth2/v1/token", method = "post", operation_id = "token")]
    async fn token(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<TokenForm>,
    ) -> Answer<TokenDoc> {
        Answer::of(token::token(self.server(ORG).await, request, &caller, &form.params).await)
    }

    /// Tokens of a custom authorization server (RFC 6749 §3.2)
    #[oai(path = "/oauth2/:authorization_server_id/v1/token", method = "post", operation_id = "tokenCustom")]
    async fn token_custom(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<TokenForm>,
    ) -> Answer<TokenDoc> {
        Answer::of(
            token::token(self.custom(&authorization_server_id).await, request, &caller, &form.params).await,
        )
    }

    /// Introspection at the org authorization server (RFC 7662)
    #[oai(path = "/oauth2/v1/introspect", method = "post", operation_id = "introspect")]
    async fn introspect(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<IntrospectForm>,
    ) -> Answer<IntrospectDoc> {
        Answer::of(introspect::introspect(self.server(ORG).await, request, &caller, &form.params).await)
    }

    /// Introspection at a custom authorization server (RFC 7662)
    #[oai(
        path = "/oauth2/:authorization_server_id/v1/introspect",
        method = "post",
        operation_id = "introspectCustom"
    )]
    async fn introspect_custom(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<IntrospectForm>,
    ) -> Answer<IntrospectDoc> {
        let server = self.custom(&authorization_server_id).await;
        Answer::of(introspect::introspect(server, request, &caller, &form.params).await)
    }

    /// Revocation at the org authorization server (RFC 7009)
    #[oai(path = "/oauth2/v1/revoke", method = "post", operation_id = "revoke")]
    async fn revoke(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<RevokeForm>,
    ) -> Answer<RevokeDoc> {
        Answer::of(revoke::revoke(self.server(ORG).await, request, &caller, &form.params).await)
    }

    /// Revocation at a custom authorization server (RFC 7009)
    #[oai(
        path = "/oauth2/:authorization_server_id/v1/revoke",
        method = "post",
        operation_id = "revokeCustom"
    )]
    async fn revoke_custom(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<RevokeForm>,
    ) -> Answer<RevokeDoc> {
        Answer::of(
            revoke::revoke(self.custom(&authorization_server_id).await, request, &caller, &form.params).await,
        )
    }

    /// Universal Logout: end everything that a user has (Okta)
    #[oai(
        path = "/oauth2/v1/global-token-revocation",
        method = "post",
        operation_id = "globalTokenRevocation"
    )]
    async fn global_token_revocation(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<GlobalTokenRevocation>,
    ) -> Answer<GlobalTokenRevocationDoc> {
        let server = self.server(ORG).await;
        Answer::of(global_token_revocation::global_token_revocation(server, request, &caller, &body).await)
    }

    /// Device authorization at the org authorization server (RFC 8628 §3.1)
    #[oai(path = "/oauth2/v1/device/authorize", method = "post", operation_id = "deviceAuthorize")]
    async fn device_authorize(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<DeviceForm>,
    ) -> Answer<DeviceDoc> {
        Answer::of(device::authorize(self.server(ORG).await, request, &caller, &form.params).await)
    }

    /// Device authorization at a custom authorization server (RFC 8628 §3.1)
    #[oai(
        path = "/oauth2/:authorization_server_id/v1/device/authorize",
        method = "post",
        operation_id = "deviceAuthorizeCustom"
    )]
    async fn device_authorize_custom(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<DeviceForm>,
    ) -> Answer<DeviceDoc> {
        let server = self.custom(&authorization_server_id).await;
        Answer::of(device::authorize(server, request, &caller, &form.params).await)
    }

    /// Pushed authorization requests of the org authorization server (RFC 9126)
    #[oai(path = "/oauth2/v1/par", method = "post", operation_id = "par")]
    async fn par(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<ParForm>,
    ) -> Answer<ParDoc> {
        Answer::of(par::par(self.server(ORG).await, request, &caller, &form.params).await)
    }

    /// Pushed authorization requests of a custom authorization server (RFC 9126)
    #[oai(path = "/oauth2/:authorization_server_id/v1/par", method = "post", operation_id = "parCustom")]
    async fn par_custom(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        form: OAuthForm<ParForm>,
    ) -> Answer<ParDoc> {
        Answer::of(
            par::par(self.custom(&authorization_server_id).await, request, &caller, &form.params).await,
        )
    }

    /// Userinfo at the org authorization server (OpenID Connect Core §5.3)
    #[oai(path = "/oauth2/v1/userinfo", method = "get", operation_id = "userinfo")]
    async fn userinfo(&self, request: &Request) -> Answer<UserinfoDoc> {
        Answer::of(userinfo::userinfo(self.server(ORG).await, request, None).await)
    }

    /// Userinfo at the org authorization server, by POST (OpenID Connect Core §5.3.1)
    #[oai(path = "/oauth2/v1/userinfo", method = "post", operation_id = "userinfoPost")]
    async fn userinfo_post(&self, request: &Request, body: poem::Body) -> Answer<UserinfoDoc> {
        Answer::of(userinfo::userinfo(self.server(ORG).await, request, Some(body)).await)
    }

    /// Userinfo at a custom authorization server (OpenID Connect Core §5.3)
    #[oai(
        path = "/oauth2/:authorization_server_id/v1/userinfo",
        method = "get",
        operation_id = "userinfoCustom"
    )]
    async fn userinfo_custom(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
    ) -> Answer<UserinfoDoc> {
        Answer::of(userinfo::userinfo(self.custom(&authorization_server_id).await, request, None).await)
    }

    /// Userinfo at a custom authorization server, by POST (OpenID Connect Core §5.3.1)
    #[oai(
        path = "/oauth2/:authorization_server_id/v1/userinfo",
        method = "post",
        operation_id = "userinfoCustomPost"
    )]
    async fn userinfo_custom_post(
        &self,
        authorization_server_id: Path<String>,
        request: &Request,
        body: poem::Body,
    ) -> Answer<UserinfoDoc> {
        Answer::of(userinfo::userinfo(self.custom(&authorization_server_id).await, request, Some(body)).await)
    }

    /// Clients by id, a page at a time (Okta); needs the scope okta.clients.read
    #[oai(path = "/oauth2/v1/clients", method = "get", operation_id = "listClients")]
    async fn list_clients(&self, request: &Request, caller: Data<&Arc<Caller>>) -> Answer<ClientsDoc> {
        Answer::of(clients::list(self.server(ORG).await, request, &caller).await)
    }

    /// Registration of a client (RFC 7591 §3.1)
    #[oai(path = "/oauth2/v1/clients", method = "post", operation_id = "registerClient")]
    async fn register_client(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<ClientForm>,
    ) -> Answer<RegisterDoc> {
        Answer::of(clients::register(self.server(ORG).await, request, &caller, body.members()).await)
    }

    /// One client (RFC 7592 §2.1)
    #[oai(path = "/oauth2/v1/clients/:client_id", method = "get", operation_id = "readClient")]
    async fn read_client(
        &self,
        client_id: Path<String>,
        request: &Request,
        caller: Data<&Arc<Caller>>,
    ) -> Answer<ClientDoc> {
        let asked = (client_id.as_str(), Action::Read);
        Answer::of(clients::one(self.server(ORG).await, request, &caller, asked).await)
    }

    /// New metadata of a client in place of all it had (RFC 7592 §2.2)
    #[oai(path = "/oauth2/v1/clients/:client_id", method = "put", operation_id = "replaceClient")]
    async fn replace_client(
        &self,
        client_id: Path<String>,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<ClientForm>,
    ) -> Answer<ClientDoc> {
        let asked = (client_id.as_str(), Action::Replace(body.members()));
        Answer::of(clients::one(self.server(ORG).await, request, &caller, asked).await)
    }

    /// The end of a client and of everything issued to it (RFC 7592 §2.3)
    #[oai(path = "/oauth2/v1/clients/:client_id", method = "delete", operation_id = "deleteClient")]
    async fn delete_client(
        &self,
        client_id: Path<String>,
        request: &Request,
        caller: Data<&Arc<Caller>>,
    ) -> Answer<DeletedDoc> {
        let asked = (client_id.as_str(), Action::Delete);
        Answer::of(clients::one(self.server(ORG).await, request, &caller, asked).await)
    }

    /// A new secret for a client; the last one keeps working beside it (Okta)
    #[oai(
        path = "/oauth2/v1/clients/:client_id/lifecycle/newSecret",
        method = "post",
        operation_id = "newClientSecret"
    )]
    async fn new_client_secret(
        &self,
        client_id: Path<String>,
        request: &Request,
        caller: Data<&Arc<Caller>>,
    ) -> Answer<ClientDoc> {
        let asked = (client_id.as_str(), Action::NewSecret);
        Answer::of(clients::one(self.server(ORG).await, request, &caller, asked).await)
    }
}

/// A public document: from memory, revalidated by its tag (RFC 9110 §8.8.3).
fn document(document: &Document, cache_control: &str, request: &Request) -> Response {
    let builder =
        Response::builder().header(header::ETAG, &document.etag).header(header::CACHE_CONTROL, cache_control);
    if header_text(request, &header::IF_NONE_MATCH).is_some_and(|tags| document.matches(tags)) {
        return builder.status(StatusCode::NOT_MODIFIED).finish();
    }
    let mut response = builder.body(document.body.clone());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
