//! Writes a document in one transaction. Passwords are hashed before it begins.

use time::OffsetDateTime;

use super::{
    Applied, SeedError,
    document::Reference,
    read::{self, Document, Password, People},
};
use crate::{
    app::App,
    client::secret,
    fault::Fault,
    id::{
        AuthorizationServerId, ClaimId, ClientId, GroupId, PolicyId, RuleId, ScopeId, TrustedOriginId, UserId,
    },
    model::{
        authorization_server::{
            AccessPolicy, AccessRule, AuthorizationServer, Claim, PeopleCondition, PolicyClients,
            RuleConditions, Scope, ServerConfig, ServerSettings,
        },
        client::{Assignment, Client, RegisteredBy},
        user::{PasswordLock, Profile, User, UserStatus},
    },
    protocol::client_auth::AuthMethod,
    secret::Secret,
    session::farewell,
    setup,
    store::{self, db::Tx, trusted_origin::TrustedOrigin},
    syslog::{Caller, Event, EventType},
    user::api_token::{self, NewApiTokenError},
    user::lifecycle::{self, Creation, PasswordPresence},
    user::login::LoginKey,
};

pub(super) struct Apply<'a> {
    pub(super) app: &'a App,
    pub(super) tx: Tx,
    pub(super) now: OffsetDateTime,
}

pub(super) async fn apply(app: &App, document: Document) -> Result<Applied, SeedError> {
    let applied = Applied {
        groups: document.groups.len(),
        users: document.users.len(),
        clients: document.clients.len(),
        authorization_servers: document.servers.len(),
        trusted_origins: document.origins.len(),
        network_zones: document.policies.zones.len(),
        policies: document.policies.count(),
        factor_profiles: document.factor_profiles.len(),
        api_tokens: document.api_tokens.len(),
    };
    let hashes = hash_passwords(app, &document.users).await?;
    // Groups before users, users and clients before the policies that name them.
    let run = Apply { app, tx: app.db.begin_write().await?, now: app.now() };
    for group in &document.groups {
        run.group(group).await?;
    }
    for (user, hash) in document.users.iter().zip(hashes) {
        run.user(user, hash).await?;
    }
    for client in &document.clients {
        run.client(client).await?;
    }
    for server in &document.servers {
        run.server(server).await?;
    }
    for origin in &document.origins {
        run.origin(origin).await?;
    }
    run.policies(&document.policies).await?;
    for profile in &document.factor_profiles {
        run.factor_profile(profile).await?;
    }
    for token in &document.api_tokens {
        run.api_token(token).await?;
    }
    run.log(&applied).await?;
    run.tx.commit().await?;
    app.forget_configuration();
    setup::maintain_keys(app).await?;
    Ok(applied)
}

/// The hashes that will be stored; absent where the password of an existing user stays.
async fn hash_passwords(app: &App, users: &[read::User]) -> Result<Vec<Option<Secret<String>>>, SeedError> {
    let mut hashes = Vec::with_capacity(users.len());
    for user in users {
        let known = store::user::find_by_login(&app.db, user.key.as_str()).await?.is_some();
        hashes.push(match &user.password {
            _ if known && !user.force => None,
            None => None,
            Some(Password::Hash(hash)) => Some(hash.clone()),
            Some(Password::Clear(password)) => Some(
                app.passwords
                    .hash(password.clone())
                    .await
                    .map_err(|error| Fault::Crypto(format!("password of {}: {error}", user.login)))?,
            ),
        });
    }
    Ok(hashes)
}

impl Apply<'_> {
    async fn log(&self, applied: &Applied) -> Result<(), SeedError> {
        let event = Event::new(EventType::ConfigurationApply).with("applied", applied.to_string());
        let caller = Caller::system("apply");
        Ok(event.insert(&self.tx, &caller, self.app.random.as_ref(), self.now).await?)
    }

    async fn group(&self, group: &read::Group) -> Result<(), SeedError> {
        let description = group.description.as_deref();
        match store::group::find_by_name_in(&self.tx, &group.name).await? {
            Some(id) if description.is_some() => {
                store::group::describe(&self.tx, &id, description, self.now).await?;
            }
            Some(_) => {}
            None => {
                let id = GroupId::generate(self.app.random.as_ref());
                store::group::insert(&self.tx, &id, &group.name, description, self.now).await?;
            }
        }
        Ok(())
    }

    async fn user(&self, wanted: &read::User, hash: Option<Secret<String>>) -> Result<(), SeedError> {
        let known = store::user::find_by_login_in(&self.tx, wanted.key.as_str()).await?;
        let id = match known {
            Some(user) => self.update_user(user, wanted, hash).await?,
            None => self.insert_user(wanted, hash).await?,
        };
        if let Some(names) = &wanted.groups {
            let mut groups = Vec::with_capacity(names.len());
            for name in names {
                let group = self.group_id(name).await?;
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
            store::group::set_memberships(&self.tx, &id, &groups).await?;
        }
        Ok(())
    }

    async fn insert_user(
        &self,
        wanted: &read::User,
        hash: Option<Secret<String>>,
    ) -> Result<UserId, SeedError> {
        let presence = if hash.is_some() { PasswordPresence::Set } else { PasswordPresence::Unset };
        let status = wanted.status.unwrap_or_else(|| lifecycle::initial(Creation::Activated(presence)));
        let mut profile = wanted.profile.clone();
        profile.retain(|_, value| !value.is_null());
        let user = User {
            id: UserId::generate(self.app.random.as_ref()),
            status,
            login: wanted.login.clone(),
            profile: Profile(profile),
            password_changed_at: hash.is_some().then_some(self.now),
            password_hash: hash,
            lock: PasswordLock::default(),
            admin: wanted.admin.unwrap_or(false),
            not_before: OffsetDateTime::UNIX_EPOCH,
            created_at: self.now,
            activated_at: (status != UserStatus::Staged).then_some(self.now),
            status_changed_at: self.now,
            last_login_at: None,
            updated_at: self.now,
        };
        store::user::insert(&self.tx, &user, wanted.key.as_str()).await?;
        Ok(user.id)
    }

    async fn update_user(
        &self,
        mut user: User,
        wanted: &read::User,
        hash: Option<Secret<String>>,
    ) -> Result<UserId, SeedError> {
        let before = (user.profile.clone(), user.status, user.admin, user.login.clone());
        for (name, value) in &wanted.profile {
            if value.is_null() {
                user.profile.0.remove(name);
            } else {
                user.profile.0.insert(name.clone(), value.clone());
            }
        }
        user.login.clone_from(&wanted.login);
        user.admin = wanted.admin.unwrap_or(user.admin);
        user.status = wanted.status.unwrap_or(user.status);
        let new_password = hash.is_some();
        if user.profile != before.0 || user.login != before.3 {
            user.updated_at = self.now;
        } else if before.1 == user.status && before.2 == user.admin && !new_password {
            return Ok(user.id);
        }
        if let Some(hash) = hash {
            user.password_hash = Some(hash);
            user.password_changed_at = Some(self.now);
            user.lock = PasswordLock::default();
        }
        if before.1 != user.status {
            user.status_changed_at = self.now;
        }
        if new_password || (before.1 == UserStatus::Active && user.status != UserStatus::Active) {
            user.not_before = self.now;
            farewell::end_everything(self.app, &self.tx, &user.id, "configuration_applied", self.now).await?;
        }
        store::user::update(&self.tx, &user, wanted.key.as_str()).await?;
        Ok(user.id)
    }

    async fn client(&self, wanted: &read::Client) -> Result<(), SeedError> {
        let id = ClientId::new(wanted.id.as_str());
        let known = store::client::find_in(&self.tx, &id).await?;
        let is_new = known.is_none();
        let mut client = known.unwrap_or_else(|| Client {
            id,
            status: wanted.status.unwrap_or_default(),
            metadata: wanted.metadata.clone(),
            assignment: None,
            secrets: Vec::new(),
            not_before: OffsetDateTime::UNIX_EPOCH,
            created_at: self.now,
            updated_at: self.now,
            registered_by: RegisteredBy::Administrator,
        });
        let assignment = match &wanted.assignment {
            Some(people) => Some(self.assignment(people).await?),
            None => client.assignment.clone(),
        };
        let status = wanted.status.unwrap_or(client.status);
        let changed =
            client.metadata != wanted.metadata || client.status != status || client.assignment != assignment;
        client.metadata = wanted.metadata.clone();
        client.assignment = assignment;
        client.status = status;
        if is_new {
            store::client::insert(&self.tx, &client).await?;
        } else if changed {
            client.updated_at = self.now;
            store::client::update(&self.tx, &client).await?;
        }
        if is_new || wanted.force { self.secret(&client, wanted, is_new).await } else { Ok(()) }
    }

    async fn secret(&self, client: &Client, wanted: &read::Client, is_new: bool) -> Result<(), SeedError> {
        let method = client.metadata.auth_method();
        let needed = match method {
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost | AuthMethod::ClientSecretJwt => {
                true
            }
            AuthMethod::PrivateKeyJwt
            | AuthMethod::TlsClientAuth
            | AuthMethod::SelfSignedTlsClientAuth
            | AuthMethod::None => false,
        };
        match &wanted.secret {
            Some((_, spot)) if !needed => {
                Err(spot.error(format!("is not used: the client authenticates by {method}")))
            }
            None if needed && is_new => Err(wanted
                .spot
                .error(format!("`client_secret` is missing: the client authenticates by {method}"))),
            None => Ok(()),
            Some((secret, spot)) => {
                secret::check(secret, method).map_err(|error| spot.error(error.to_string()))?;
                let stored = secret::store(self.app, &client.id, method, secret, self.now)?;
                store::client::delete_secrets_except(&self.tx, &client.id, &[]).await?;
                Ok(store::client::insert_secret(&self.tx, &client.id, &stored).await?)
            }
        }
    }

    async fn assignment(&self, people: &People) -> Result<Assignment, SeedError> {
        Ok(Assignment {
            users: self.user_ids(&people.users).await?,
            groups: self.group_ids(&people.groups).await?,
        })
    }

    async fn server(&self, wanted: &read::Server) -> Result<(), SeedError> {
        let id = AuthorizationServerId::new(wanted.id.as_str());
        let known = store::server::find_in(&self.tx, &id).await?;
        let is_new = known.is_none();
        let mut config = match known {
            Some(config) => config,
            None => self.new_server(wanted).await?,
        };
        self.settings(&mut config.server, wanted, is_new).await?;
        for scope in &wanted.scopes {
            self.scope(&mut config, scope).await?;
        }
        for claim in &wanted.claims {
            self.claim(&config, claim).await?;
        }
        for policy in &wanted.policies {
            self.policy(&config, policy).await?;
        }
        Ok(())
    }

    async fn new_server(&self, wanted: &read::Server) -> Result<ServerConfig, SeedError> {
        let Some((audience, _)) = &wanted.audience else {
            return Err(wanted.spot.error("`audience` is missing: a new authorization server needs one"));
        };
        let name = wanted.name.as_deref().unwrap_or(&wanted.id);
        let server = setup::new_server(self.app, (&wanted.id, name, audience), self.now);
        store::server::insert(&self.tx, &server).await?;
        let scopes = setup::system_scopes(self.app, &server);
        for scope in &scopes {
            store::server::upsert_scope(&self.tx, &server.id, scope).await?;
        }
        Ok(ServerConfig { server, scopes, claims: Vec::new(), policies: Vec::new() })
    }

    async fn settings(
        &self,
        server: &mut AuthorizationServer,
        wanted: &read::Server,
        is_new: bool,
    ) -> Result<(), SeedError> {
        let before = server.clone();
        if let Some((audience, spot)) = &wanted.audience {
            if server.is_org() {
                return Err(spot.error("cannot be set: the org server's audience is the issuer"));
            }
            server.audience.clone_from(audience);
        }
        if let Some(name) = &wanted.name {
            server.name.clone_from(name);
        }
        if let Some(description) = &wanted.description {
            server.description.clone_from(description);
        }
        self.change_settings(&mut server.settings, &wanted.settings).await?;
        server.status = wanted.status.unwrap_or(server.status);
        server.access_token_profile = wanted.access_token_profile.unwrap_or(server.access_token_profile);
        if *server == before {
            return Ok(());
        }
        if !is_new {
            server.updated_at = self.now;
        }
        Ok(store::server::update(&self.tx, server).await?)
    }

    async fn change_settings(
        &self,
        settings: &mut ServerSettings,
        wanted: &read::Settings,
    ) -> Result<(), SeedError> {
        if let Some(algorithms) = &wanted.signing_algorithms {
            settings.signing_algorithms.clone_from(algorithms);
        }
        settings.code_lifetime = wanted.code_lifetime.unwrap_or(settings.code_lifetime);
        settings.id_token_lifetime = wanted.id_token_lifetime.unwrap_or(settings.id_token_lifetime);
        settings.dpop_nonce_required = wanted.dpop_nonce_required.unwrap_or(settings.dpop_nonce_required);
        if let Some(resources) = &wanted.resources {
            settings.resources.clone_from(resources);
        }
        if let Some(userinfo) = &wanted.userinfo {
            settings.userinfo.clone_from(userinfo);
        }
        if let Some(issuers) = &wanted.trusted_issuers {
            settings.trusted_issuers.clone_from(issuers);
        }
        if let Some(servers) = &wanted.trusted_servers {
            settings.trusted_servers = self.server_ids(servers).await?;
        }
        Ok(())
    }

    async fn server_ids(&self, servers: &[Reference]) -> Result<Vec<AuthorizationServerId>, SeedError> {
        let mut ids = Vec::with_capacity(servers.len());
        for server in servers {
            let id = AuthorizationServerId::new(server.name.as_str());
            if store::server::find_in(&self.tx, &id).await?.is_none() {
                return Err(server.spot.error("there is no such authorization server"));
            }
            ids.push(id);
        }
        Ok(ids)
    }

    async fn scope(&self, config: &mut ServerConfig, wanted: &read::Scope) -> Result<(), SeedError> {
        let known = config.scope(&wanted.name);
        let scope = Scope {
            id: known.map_or_else(|| ScopeId::generate(self.app.random.as_ref()), |known| known.id.clone()),
            name: wanted.name.clone(),
            display_name: wanted.display_name.clone(),
            description: wanted.description.clone(),
            consent: wanted.consent,
            optional: wanted.optional,
            default: wanted.default,
            published: wanted.published,
            system: known.is_some_and(|known| known.system),
            sensitive: wanted.sensitive,
        };
        store::server::upsert_scope(&self.tx, &config.server.id, &scope).await?;
        config.scopes.retain(|known| known.name != scope.name);
        config.scopes.push(scope);
        Ok(())
    }

    async fn claim(&self, config: &ServerConfig, wanted: &read::Claim) -> Result<(), SeedError> {
        let claim = Claim {
            id: ClaimId::generate(self.app.random.as_ref()),
            name: wanted.name.clone(),
            claim_type: wanted.claim_type,
            value: wanted.value.clone(),
            always_include: wanted.always_include,
            scopes: scope_names(config, &wanted.scopes)?,
            status: wanted.status,
        };
        Ok(store::server::upsert_claim(&self.tx, &config.server.id, &claim).await?)
    }

    async fn policy(&self, config: &ServerConfig, wanted: &read::Policy) -> Result<(), SeedError> {
        let known = config.policies.iter().find(|policy| policy.name == wanted.name);
        let random = self.app.random.as_ref();
        let mut rules = Vec::with_capacity(wanted.rules.len());
        for rule in &wanted.rules {
            let known = known.and_then(|known| known.rules.iter().find(|known| known.name == rule.name));
            rules.push(AccessRule {
                id: known.map_or_else(|| RuleId::generate(random), |known| known.id.clone()),
                name: rule.name.clone(),
                priority: rule.priority,
                status: rule.status,
                conditions: RuleConditions {
                    grant_types: rule.grant_types.clone(),
                    people: self.people(&rule.people).await?,
                    scopes: scope_names(config, &rule.scopes)?,
                },
                lifetimes: rule.lifetimes,
            });
        }
        let clients = match &wanted.clients {
            None => PolicyClients::All,
            Some(names) => PolicyClients::Only(self.client_ids(names).await?),
        };
        let policy = AccessPolicy {
            id: known.map_or_else(|| PolicyId::generate(random), |known| known.id.clone()),
            name: wanted.name.clone(),
            priority: wanted.priority,
            status: wanted.status,
            clients,
            rules,
        };
        Ok(store::server::upsert_policy(&self.tx, &config.server.id, &policy).await?)
    }

    pub(super) async fn people(&self, people: &People) -> Result<PeopleCondition, SeedError> {
        Ok(PeopleCondition {
            users: self.user_ids(&people.users).await?,
            groups: self.group_ids(&people.groups).await?,
            exclude_users: self.user_ids(&people.exclude_users).await?,
            exclude_groups: self.group_ids(&people.exclude_groups).await?,
        })
    }

    async fn origin(&self, wanted: &read::Origin) -> Result<(), SeedError> {
        let origin = TrustedOrigin {
            id: TrustedOriginId::generate(self.app.random.as_ref()),
            name: wanted.name.clone(),
            origin: wanted.origin.clone(),
            scopes: wanted.scopes.clone(),
            status: wanted.status,
        };
        Ok(store::trusted_origin::upsert(&self.tx, &origin).await?)
    }

    /// A token is known by its owner and its name; its value is set when it is made, later only by force.
    async fn api_token(&self, wanted: &read::ApiToken) -> Result<(), SeedError> {
        let users = self.user_ids(std::slice::from_ref(&wanted.user)).await?;
        let Some(id) = users.first() else { return Ok(()) };
        let owner = store::user::find_in(&self.tx, id).await?;
        let owner = owner.ok_or_else(|| wanted.user.spot.error("there is no such user"))?;
        let caller = Caller::system("apply");
        match store::api_token::find_by_name_in(&self.tx, id, &wanted.name).await? {
            Some(known) if !wanted.force && known.access == wanted.access => return Ok(()),
            Some(known) => {
                api_token::revoke(self.app, &self.tx, &known, &caller).await?;
            }
            None => {}
        }
        let (value, spot) = &wanted.value;
        let what = (wanted.name.as_str(), wanted.access, value);
        match api_token::create(self.app, &self.tx, &owner, what, &caller).await {
            Ok(_) => Ok(()),
            Err(NewApiTokenError::Fault(fault)) => Err(fault.into()),
            Err(NewApiTokenError::NoAdministrator) => {
                Err(wanted.user.spot.error("must be an administrator who may sign in"))
            }
            Err(error @ (NewApiTokenError::Name | NewApiTokenError::Value)) => {
                Err(spot.error(error.to_string()))
            }
        }
    }

    async fn group_id(&self, name: &Reference) -> Result<GroupId, SeedError> {
        store::group::find_by_name_in(&self.tx, &name.name)
            .await?
            .ok_or_else(|| name.spot.error(format!("there is no group \"{}\"", name.name)))
    }

    pub(super) async fn group_ids(&self, names: &[Reference]) -> Result<Vec<GroupId>, SeedError> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            ids.push(self.group_id(name).await?);
        }
        Ok(ids)
    }

    async fn user_ids(&self, logins: &[Reference]) -> Result<Vec<UserId>, SeedError> {
        let mut ids = Vec::with_capacity(logins.len());
        for login in logins {
            let unknown = || login.spot.error(format!("there is no user \"{}\"", login.name));
            let key = LoginKey::normalize(&login.name).map_err(|_| unknown())?;
            let user = store::user::find_by_login_in(&self.tx, key.as_str()).await?.ok_or_else(unknown)?;
            ids.push(user.id);
        }
        Ok(ids)
    }

    pub(super) async fn client_ids(&self, names: &[Reference]) -> Result<Vec<ClientId>, SeedError> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            let id = ClientId::new(name.name.as_str());
            if store::client::find_in(&self.tx, &id).await?.is_none() {
                return Err(name.spot.error(format!("there is no client \"{}\"", name.name)));
            }
            ids.push(id);
        }
        Ok(ids)
    }
}

/// Scopes of the server, or `*` for any.
fn scope_names(config: &ServerConfig, names: &[Reference]) -> Result<Vec<String>, SeedError> {
    names
        .iter()
        .map(|name| {
            if name.name == "*" || config.scope(&name.name).is_some() {
                Ok(name.name.clone())
            } else {
                Err(name.spot.error(format!("the server has no scope \"{}\"", name.name)))
            }
        })
        .collect()
}
