//! Keeps tokens fresh: refresh tokens are spent before access tokens end, and a client's own credentials whenever
//! there is no token. Whoever renews a connection holds its lease; a refresh token that may be used once is spent once.

use super::{
    OauthClient, OauthError, Target,
    exchange::Tokens,
    flow::{expiry, name, renewal},
    grant::{ClientName, ClientOrigin, Grant, lock_grant, open_grant},
    refused, scopes,
};
use crate::{
    identity::{Actor, new_id},
    store::{Change, StoreError, StoredConnection},
};
use control_plane_api::{
    oauth::{ClientAuthentication, ConnectionState, OauthGrant, Replacement},
    timestamp::Timestamp,
};
use futures::{StreamExt as _, stream};
use rand::{Rng as _, rngs::OsRng};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// Between two looks at what is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a lease holds; longer than every exchange that happens under it.
const LEASE_MS: i64 = 60_000;
/// Wait before a renewal that failed is tried again, in milliseconds; up to half as much again, at random.
const RETRY_MS: i64 = 30_000;
/// Renewals at once.
const RENEWALS_MAX: usize = 8;

impl OauthClient {
    /// Renews what is due until `stopped` says so.
    pub(crate) async fn renew(self, mut stopped: watch::Receiver<bool>) {
        let mut clock = interval(LOOK_INTERVAL);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                _ = clock.tick() => {}
            }
            match self.look().await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "Cannot look after connections");
                }
                Err(_) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), OauthError> {
        self.found_own().await?;
        let due = self.store.read().await?.due_connections(Timestamp::now()).await?;
        let renewals = stream::iter(due).map(|connection| Box::pin(self.renew_one(connection, false)));
        renewals
            .buffer_unordered(RENEWALS_MAX)
            .for_each(|renewed| async move {
                if let Err(error) = renewed {
                    tracing::error!(%error, "Cannot renew a connection");
                }
            })
            .await;
        Ok(())
    }

    /// Gives every server that is connected by the client's own credentials a connection that is due at once.
    async fn found_own(&self) -> Result<(), OauthError> {
        let configuration = self.published.newest();
        let targets = configuration.objects.iter().filter_map(Target::of);
        for target in targets.filter(|target| target.settings.grant == OauthGrant::ClientCredentials) {
            let fits = |have: Option<StoredConnection>| {
                have.is_some_and(|have| target.is_of(&have) && have.state != ConnectionState::NeedsConsent)
            };
            if fits(self.store.read().await?.connection_of(&target.server, None).await?) {
                continue;
            }
            let mut change = self.store.change().await?;
            let have = change.tx().connection_of(&target.server, None).await?;
            if self.target(&target.server).await?.is_some() && !fits(have.clone()) {
                let connection = self.pending(&target, have)?;
                change.tx().put_connection(&connection).await?;
                change.commit().await?;
            }
        }
        Ok(())
    }

    fn pending(&self, target: &Target, have: Option<StoredConnection>) -> Result<StoredConnection, OauthError> {
        let mut connection = StoredConnection {
            id: have.as_ref().map_or_else(|| name(&new_id()), |have| Ok(have.id.clone()))?,
            server: target.server.clone(),
            user: None,
            issuer: target.settings.issuer.clone().unwrap_or_default(),
            url: target.url.clone(),
            revision: 0,
            version: have.map_or(1, |have| have.version.saturating_add(1)),
            state: ConnectionState::Pending,
            problem: None,
            scopes: Vec::new(),
            ciphertext: String::new(),
            connected_at: None,
            expires_at: None,
            renew_at: Some(Timestamp::now()),
            step_ups: 0,
        };
        let client = ClientName {
            client_id: String::new(),
            origin: ClientOrigin::Configured,
            method: ClientAuthentication::None,
            redirect_uri: None,
        };
        let nothing = Grant {
            access_token: String::new(),
            refresh_token: None,
            resource: String::new(),
            token_endpoint: String::new(),
            client,
        };
        connection.ciphertext = lock_grant(&self.keys, &connection, &nothing)?;
        Ok(connection)
    }

    /// Obtains a new token for `connection`, unless somebody else does. `refused`: the server does not take the one in
    /// force.
    pub(super) async fn renew_one(
        &self,
        connection: StoredConnection,
        refused: bool,
    ) -> Result<Replacement, OauthError> {
        let lease = new_id();
        let mut tx = self.store.write().await?;
        let until = Timestamp::now().plus_millis(LEASE_MS);
        if !tx.lease_connection(&connection, &lease, until).await? {
            return Ok(Replacement::Renewed);
        }
        tx.commit().await?;
        let obtained = self.obtain(&connection).await;
        let mut change = self.store.change().await?;
        if !change.tx().holds_lease(&connection, &lease).await? {
            // Consent was given anew meanwhile, or the connection is gone.
            return Ok(Replacement::Renewed);
        }
        let replacement = match obtained {
            Ok(obtained) => self.keep(&mut change, connection, obtained).await?,
            Err(OauthError::Store(error)) => return Err(error.into()),
            Err(error) => self.note(&mut change, connection, &error, refused).await?,
        };
        change.commit().await?;
        self.published.announce();
        Ok(replacement)
    }

    /// New tokens for `connection`, and what they came with.
    async fn obtain(&self, connection: &StoredConnection) -> Result<Obtained, OauthError> {
        let target = self.target(&connection.server).await?.filter(|target| target.is_of(connection));
        let target = target
            .ok_or_else(|| OauthError::ConsentNeeded("the server was changed since consent was given".to_owned()))?;
        if target.settings.grant == OauthGrant::ClientCredentials {
            return self.by_credentials(&target).await;
        }
        let grant = open_grant(&self.keys, connection)?;
        let spent = || OauthError::ConsentNeeded("the token has ended and cannot be renewed".to_owned());
        let refresh_token = grant.refresh_token.clone().ok_or_else(spent)?;
        let client = self.client_again(&target, &connection.issuer, &grant.client).await?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str()),
            ("resource", grant.resource.as_str()),
        ];
        let tokens = match self.tokens(&target, &grant.token_endpoint, &client, &form).await {
            Err(OauthError::ClientUnknown(reason)) => {
                self.forget_client(&connection.issuer, &grant.client).await?;
                return Err(OauthError::ClientUnknown(reason));
            }
            tokens => tokens?,
        };
        let mut next = grant.clone();
        next.access_token = tokens.access_token.0.to_string();
        if let Some(rotated) = &tokens.refresh_token {
            next.refresh_token = Some(rotated.0.to_string());
        }
        let scopes = tokens.scopes(&connection.scopes);
        Ok(Obtained { grant: next, issuer: connection.issuer.clone(), scopes, tokens })
    }

    /// The client's own credentials, traded for a token.
    async fn by_credentials(&self, target: &Target) -> Result<Obtained, OauthError> {
        let discovered = self.discover(target).await?;
        let authority = &discovered.authority;
        let client = self.client_at(target, authority).await?;
        if client.secret.is_none() {
            return Err(refused("a server with the grant `client_credentials` needs `oauth.client_secret`"));
        }
        let wanted = scopes::wanted(&discovered, &target.settings, &[], &[]);
        let scope = wanted.join(" ");
        let mut form = vec![("grant_type", "client_credentials"), ("resource", discovered.resource.as_str())];
        if !scope.is_empty() {
            form.push(("scope", scope.as_str()));
        }
        let endpoint = authority.token_endpoint.to_string();
        let tokens = self.tokens(target, &endpoint, &client, &form).await?;
        let grant = Grant {
            access_token: tokens.access_token.0.to_string(),
            refresh_token: None,
            resource: discovered.resource.clone(),
            token_endpoint: endpoint,
            client: client.name,
        };
        let scopes = tokens.scopes(&wanted);
        Ok(Obtained { grant, issuer: authority.issuer.clone(), scopes, tokens })
    }

    async fn keep(
        &self,
        change: &mut Change,
        mut connection: StoredConnection,
        obtained: Obtained,
    ) -> Result<Replacement, OauthError> {
        let now = Timestamp::now();
        let first = connection.state == ConnectionState::Pending;
        connection.version = connection.version.saturating_add(1);
        connection.revision = change.next();
        connection.state = ConnectionState::Connected;
        connection.problem = None;
        connection.issuer = obtained.issuer;
        connection.scopes = obtained.scopes;
        connection.expires_at = expiry(&obtained.tokens, now);
        let renewable = obtained.grant.refresh_token.is_some() || connection.user.is_none();
        connection.renew_at = renewal(now, connection.expires_at, renewable);
        connection.ciphertext = lock_grant(&self.keys, &connection, &obtained.grant)?;
        if first {
            connection.connected_at = Some(now);
            change.record(&own(), &connection.target(), "connected").await?;
        }
        change.writing().put_connection(&connection).await?;
        Ok(Replacement::Renewed)
    }

    /// Notes why there are no new tokens; those in force stay in force until they end, unless their server `refused` them.
    pub(super) async fn note(
        &self,
        change: &mut Change,
        mut connection: StoredConnection,
        error: &OauthError,
        refused: bool,
    ) -> Result<Replacement, StoreError> {
        tracing::warn!(connection = connection.target(), %error, "Could not renew a connection");
        connection.problem = Some(error.to_string());
        let for_good = !matches!(error, OauthError::Unavailable(_) | OauthError::Store(_));
        let pause = RETRY_MS + OsRng.gen_range(0..=RETRY_MS / 2);
        connection.renew_at = Some(Timestamp::now().plus_millis(pause));
        // Nobody's consent helps a client that proves itself; what an operator mends is tried again.
        let target = self.published_target(&connection.server);
        let own_credentials = target.is_some_and(|target| target.settings.grant == OauthGrant::ClientCredentials);
        if !for_good || own_credentials {
            change.tx().put_connection(&connection).await?;
            return Ok(Replacement::Unavailable);
        }
        connection.state = ConnectionState::NeedsConsent;
        connection.renew_at = None;
        change.record(&own(), &connection.target(), "needs consent").await?;
        if refused {
            // Gateways are to send people to give consent, and nothing to the server.
            connection.ciphertext.clear();
            connection.version = connection.version.saturating_add(1);
            connection.revision = change.next();
            change.writing().put_connection(&connection).await?;
        } else {
            change.tx().put_connection(&connection).await?;
        }
        Ok(Replacement::NeedsConsent)
    }
}

/// New tokens and what belongs to them.
struct Obtained {
    grant: Grant,
    issuer: String,
    scopes: Vec<String>,
    tokens: Tokens,
}

/// mcpd itself, as the audit log names it.
fn own() -> Actor {
    Actor { user: None, token_id: None, method: "mcpd (renewal)".to_owned(), peer: None }
}
