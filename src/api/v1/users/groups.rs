//! The groups of a user.

use http::StatusCode;
use poem::{Request, Response};
use serde_json::{Value, json};

use super::{LIMIT, Users, load};
use crate::{
    api::{
        error::{oauth::json_response, okta::failed},
        v1::{
            administrator::{Right, administrator},
            query::{List, Query},
        },
    },
    protocol::timestamp::timestamp,
    store,
};

impl Users {
    pub(super) async fn groups_of(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::GroupsRead).await?;
        let query = Query::of(request)?;
        let limit = query.limit(LIMIT, 1..=LIMIT)?;
        let user = load(app, &who, id).await?;
        let name = format!("groups of {}", user.id);
        let after = query.after(app, &name)?;
        let more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut groups =
            store::group::details_of_user(&app.db, &user.id, after.as_deref(), more).await.map_err(failed)?;
        let has_more = groups.len() > limit;
        groups.truncate(limit);
        let documents: Vec<Value> = groups
            .iter()
            .map(|group| {
                json!({
                    "id": group.id,
                    "created": timestamp(group.created_at),
                    "lastUpdated": timestamp(group.updated_at),
                    "lastMembershipUpdated": timestamp(group.updated_at),
                    "objectClass": ["okta:user_group"],
                    "type": "OKTA_GROUP",
                    "profile": { "name": group.name, "description": group.description },
                })
            })
            .collect();
        let mut response = json_response(StatusCode::OK, &documents);
        let path = format!("/api/v1/users/{}/groups", user.id);
        let list = List { path: &path, name: &name, limit, parameters: &[] };
        let next = groups.last().filter(|_| has_more).map(|last| last.id.as_str());
        query.link(app, &mut response, &list, next);
        Ok(response)
    }
}
