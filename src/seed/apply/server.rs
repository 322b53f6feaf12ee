//! Writes authorization servers with their scopes, claims and access policies.

use super::Apply;
use crate::{
    id::{AuthorizationServerId, ClaimId, PolicyId, RuleId, ScopeId},
    model::authorization_server::{
        AccessPolicy, AccessRule, AuthorizationServer, Claim, PolicyClients, RuleConditions, Scope,
        ServerConfig, ServerSettings,
    },
    seed::{SeedError, document::Reference, read},
    setup, store,
};

impl Apply<'_> {
    pub(super) async fn server(&self, wanted: &read::Server) -> Result<(), SeedError> {
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
