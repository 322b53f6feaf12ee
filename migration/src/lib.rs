//! The database schema as a list of steps, the same for SQLite and PostgreSQL; one table or change a file.

use sea_orm_migration::prelude::*;

mod m20261121_000001_create_installation;
mod m20261121_000002_create_user;
mod m20261121_000003_create_known_device;
mod m20261121_000004_create_group;
mod m20261121_000005_create_group_member;
mod m20261121_000006_create_client;
mod m20261121_000007_create_client_secret;
mod m20261121_000008_create_authorization_server;
mod m20261121_000009_create_scope;
mod m20261121_000010_create_claim;
mod m20261121_000011_create_access_policy;
mod m20261121_000012_create_access_policy_rule;
mod m20261121_000013_create_trusted_origin;
mod m20261121_000014_create_signing_key;
mod m20261121_000015_create_session;
mod m20261121_000016_create_flow;
mod m20261121_000017_create_grant;
mod m20261121_000018_create_authorization_code;
mod m20261121_000019_create_refresh_token;
mod m20261121_000020_create_revoked_jti;
mod m20261121_000021_create_used_jti;
mod m20261121_000022_create_consent;
mod m20261121_000023_create_pairwise_subject;
mod m20261121_000024_create_log_event;
mod m20261121_000025_create_outbox;
mod m20261121_000026_create_lease;
mod m20261122_000001_extend_grant;
mod m20261122_000010_create_pushed_request;
mod m20261122_000030_bind_authorization_code;
mod m20261122_000040_create_device_code;
mod m20261122_000041_create_device_secret;
mod m20261122_000050_extend_client;
mod m20261122_000051_create_registration_access_token;
mod m20261122_000060_create_session_token;
mod m20261122_000200_create_factor;
mod m20261122_000201_create_factor_challenge;
mod m20261122_000202_create_factor_budget;
mod m20261122_000203_create_factor_profile;
mod m20261122_000204_create_backup_code;
mod m20261122_000220_create_authn_transaction;
mod m20261122_000221_create_remembered_device;
mod m20261122_000222_bind_session_token;
mod m20261122_000230_create_policy;
mod m20261122_000231_extend_session;
mod m20261122_000232_extend_scope;
mod m20261122_000245_create_api_token;
mod m20261122_000246_index_log_event;
mod m20261122_000247_thin_log_event;
mod m20261122_000255_create_password_history;
mod m20261122_000256_create_recovery_token;
mod m20261122_000257_create_recovery_code;
mod m20261122_000258_create_recovery_budget;
mod m20261122_000259_create_recovery_question;
mod m20261122_000330_index_what_is_searched;
mod m20261122_000331_split_user_messages;
mod m20261122_000332_bind_recovery_token;
mod m20261122_000340_drop_recovery_budget;
mod m20261122_000401_extend_factor;
mod m20261122_000402_add_credential;
mod m20261122_000501_create_push_device;
mod m20261122_000502_create_push_transaction;
mod m20261122_000601_create_yubikey_token;
mod m20261122_000720_thin_push_device;

/// All steps in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_installation::Migration),
            Box::new(m20261121_000002_create_user::Migration),
            Box::new(m20261121_000003_create_known_device::Migration),
            Box::new(m20261121_000004_create_group::Migration),
            Box::new(m20261121_000005_create_group_member::Migration),
            Box::new(m20261121_000006_create_client::Migration),
            Box::new(m20261121_000007_create_client_secret::Migration),
            Box::new(m20261121_000008_create_authorization_server::Migration),
            Box::new(m20261121_000009_create_scope::Migration),
            Box::new(m20261121_000010_create_claim::Migration),
            Box::new(m20261121_000011_create_access_policy::Migration),
            Box::new(m20261121_000012_create_access_policy_rule::Migration),
            Box::new(m20261121_000013_create_trusted_origin::Migration),
            Box::new(m20261121_000014_create_signing_key::Migration),
            Box::new(m20261121_000015_create_session::Migration),
            Box::new(m20261121_000016_create_flow::Migration),
            Box::new(m20261121_000017_create_grant::Migration),
            Box::new(m20261121_000018_create_authorization_code::Migration),
            Box::new(m20261121_000019_create_refresh_token::Migration),
            Box::new(m20261121_000020_create_revoked_jti::Migration),
            Box::new(m20261121_000021_create_used_jti::Migration),
            Box::new(m20261121_000022_create_consent::Migration),
            Box::new(m20261121_000023_create_pairwise_subject::Migration),
            Box::new(m20261121_000024_create_log_event::Migration),
            Box::new(m20261121_000025_create_outbox::Migration),
            Box::new(m20261121_000026_create_lease::Migration),
            Box::new(m20261122_000001_extend_grant::Migration),
            Box::new(m20261122_000010_create_pushed_request::Migration),
            Box::new(m20261122_000030_bind_authorization_code::Migration),
            Box::new(m20261122_000040_create_device_code::Migration),
            Box::new(m20261122_000041_create_device_secret::Migration),
            Box::new(m20261122_000050_extend_client::Migration),
            Box::new(m20261122_000051_create_registration_access_token::Migration),
            Box::new(m20261122_000060_create_session_token::Migration),
            Box::new(m20261122_000220_create_authn_transaction::Migration),
            Box::new(m20261122_000221_create_remembered_device::Migration),
            Box::new(m20261122_000222_bind_session_token::Migration),
            Box::new(m20261122_000200_create_factor::Migration),
            Box::new(m20261122_000201_create_factor_challenge::Migration),
            Box::new(m20261122_000202_create_factor_budget::Migration),
            Box::new(m20261122_000203_create_factor_profile::Migration),
            Box::new(m20261122_000204_create_backup_code::Migration),
            Box::new(m20261122_000230_create_policy::Migration),
            Box::new(m20261122_000231_extend_session::Migration),
            Box::new(m20261122_000232_extend_scope::Migration),
            Box::new(m20261122_000245_create_api_token::Migration),
            Box::new(m20261122_000246_index_log_event::Migration),
            Box::new(m20261122_000247_thin_log_event::Migration),
            Box::new(m20261122_000255_create_password_history::Migration),
            Box::new(m20261122_000256_create_recovery_token::Migration),
            Box::new(m20261122_000257_create_recovery_code::Migration),
            Box::new(m20261122_000258_create_recovery_budget::Migration),
            Box::new(m20261122_000259_create_recovery_question::Migration),
            Box::new(m20261122_000330_index_what_is_searched::Migration),
            Box::new(m20261122_000331_split_user_messages::Migration),
            Box::new(m20261122_000332_bind_recovery_token::Migration),
            Box::new(m20261122_000340_drop_recovery_budget::Migration),
            Box::new(m20261122_000401_extend_factor::Migration),
            Box::new(m20261122_000402_add_credential::Migration),
            Box::new(m20261122_000501_create_push_device::Migration),
            Box::new(m20261122_000502_create_push_transaction::Migration),
            Box::new(m20261122_000601_create_yubikey_token::Migration),
            Box::new(m20261122_000720_thin_push_device::Migration),
        ]
    }
}

pub use sea_orm_migration::MigratorTrait;
