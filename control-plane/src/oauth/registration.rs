//! Who we are to an authorization server: a client registered beforehand, else our metadata document where it is
//! understood, else a client registered dynamically. Registrations are kept by issuer and never shown to another.

use super::{
    OauthClient, OauthError, Target,
    grant::{ClientName, ClientOrigin, Registration, lock_registration, open_registration},
    metadata::{Authority, is_loopback},
    refused,
};
use crate::{secrets::Binding, settings::Addresses, store::StoredRegistration};
use control_plane_api::{oauth::ClientAuthentication, timestamp::Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

/// How we are called on other people's consent pages.
const CLIENT_NAME: &str = "mcpctl";

/// A client and what proves it.
pub(super) struct Client {
    pub(super) name: ClientName,
    pub(super) secret: Option<Zeroizing<String>>,
}

/// An answer to a registration (RFC 7591 §3.2.1).
#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: Option<String>,
    client_secret_expires_at: Option<i64>,
    token_endpoint_auth_method: Option<ClientAuthentication>,
}

/// The document that `GET /oauth/client.json` serves, and the body of a registration.
pub(crate) fn metadata(addresses: &Addresses, method: ClientAuthentication) -> Value {
    let native = Url::parse(&addresses.redirect_uri()).is_ok_and(|url| is_loopback(&url));
    json!({
        "client_name": CLIENT_NAME,
        "redirect_uris": [addresses.redirect_uri()],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        "application_type": if native { "native" } else { "web" },
    })
}

impl OauthClient {
    /// The client to use with `authority`, registered now if need be.
    pub(super) async fn client_at(&self, target: &Target, authority: &Authority) -> Result<Client, OauthError> {
        if let Some(client_id) = &target.settings.client_id {
            let secret = self.configured_secret(target).await?;
            let asked = target.settings.token_endpoint_auth_method;
            let method = asked.unwrap_or_else(|| method(authority, secret.is_some()));
            let name = ClientName {
                client_id: client_id.clone(),
                origin: ClientOrigin::Configured,
                method,
                redirect_uri: None,
            };
            return Ok(Client { name, secret });
        }
        let addresses = self.addresses.as_ref().ok_or_else(no_address)?;
        if authority.takes_documents
            && let Some(client_id) = addresses.client_id()
        {
            let (origin, method) = (ClientOrigin::Document, ClientAuthentication::None);
            let name = ClientName { client_id, origin, method, redirect_uri: None };
            return Ok(Client { name, secret: None });
        }
        if let Some(client) = self.registered(&authority.issuer, &addresses.redirect_uri()).await? {
            return Ok(client);
        }
        self.register(target, authority, addresses).await
    }

    /// The client that a grant was made for, with the secret it has now.
    pub(super) async fn client_again(
        &self,
        target: &Target,
        issuer: &str,
        name: &ClientName,
    ) -> Result<Client, OauthError> {
        let changed = || OauthError::ConsentNeeded("the client changed since consent was given".to_owned());
        match name.origin {
            ClientOrigin::Configured if target.settings.client_id.as_deref() == Some(name.client_id.as_str()) => {
                Ok(Client { name: name.clone(), secret: self.configured_secret(target).await? })
            }
            ClientOrigin::Configured => Err(changed()),
            ClientOrigin::Document => Ok(Client { name: name.clone(), secret: None }),
            ClientOrigin::Registered => {
                let client = self.registered(issuer, name.redirect_uri.as_deref().unwrap_or_default()).await?;
                client.filter(|client| client.name.client_id == name.client_id).ok_or_else(changed)
            }
        }
    }

    /// Forgets a client that its authority no longer knows, so that the next consent registers anew.
    pub(super) async fn forget_client(&self, issuer: &str, name: &ClientName) -> Result<(), OauthError> {
        if let (ClientOrigin::Registered, Some(redirect_uri)) = (name.origin, &name.redirect_uri) {
            let mut tx = self.store.write().await?;
            tx.delete_registration(issuer, redirect_uri).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn configured_secret(&self, target: &Target) -> Result<Option<Zeroizing<String>>, OauthError> {
        let Some(name) = &target.settings.client_secret else { return Ok(None) };
        let secret = self.store.read().await?.secret(name).await?;
        let secret = secret.ok_or_else(|| refused(format!("secret `{name}` does not exist")))?;
        let binding = Binding { name: name.as_str(), version: secret.version, field: "value" };
        let value = self.keys.decrypt(binding, &secret.ciphertext)?;
        let value = String::from_utf8(value.to_vec()).map_err(|_| refused(format!("secret `{name}` is not text")))?;
        Ok(Some(Zeroizing::new(value)))
    }

    async fn registered(&self, issuer: &str, redirect_uri: &str) -> Result<Option<Client>, OauthError> {
        let stored = self.store.read().await?.registration(issuer, redirect_uri).await?;
        let now = Timestamp::now();
        let Some(stored) = stored.filter(|stored| stored.expires_at.is_none_or(|end| now < end)) else {
            return Ok(None);
        };
        let registration = open_registration(&self.keys, &stored)?;
        let secret = registration.secret.clone().map(Zeroizing::new);
        Ok(Some(Client { name: registration.client.clone(), secret }))
    }

    async fn register(
        &self,
        target: &Target,
        authority: &Authority,
        addresses: &Addresses,
    ) -> Result<Client, OauthError> {
        let by_hand = "register a client there by hand and set `oauth.client_id`";
        let Some(endpoint) = &authority.registration_endpoint else {
            return Err(refused(format!("`{}` registers no clients by itself: {by_hand}", authority.issuer)));
        };
        let asked = target.settings.token_endpoint_auth_method.unwrap_or_else(|| method(authority, true));
        let body = metadata(addresses, asked).to_string();
        let answer = self.fetcher.post_json(endpoint, &target.named_issuer(), body).await?;
        let registered: Option<Registered> = if answer.is_success() { answer.json() } else { None };
        let registered = registered
            .ok_or_else(|| refused(format!("`{}` refused to register mcpctl: {by_hand}", authority.issuer)))?;
        let name = ClientName {
            method: registered.token_endpoint_auth_method.unwrap_or(match registered.client_secret {
                Some(_) => asked,
                None => ClientAuthentication::None,
            }),
            client_id: registered.client_id,
            origin: ClientOrigin::Registered,
            redirect_uri: Some(addresses.redirect_uri()),
        };
        let registration = Registration { client: name.clone(), secret: registered.client_secret };
        self.keep_registration(authority, addresses, &registration, registered.client_secret_expires_at).await?;
        tracing::info!(issuer = authority.issuer, server = %target.server, "Registered a client");
        Ok(Client { name, secret: registration.secret.clone().map(Zeroizing::new) })
    }

    async fn keep_registration(
        &self,
        authority: &Authority,
        addresses: &Addresses,
        registration: &Registration,
        expires_at_s: Option<i64>,
    ) -> Result<(), OauthError> {
        let (issuer, redirect_uri) = (authority.issuer.clone(), addresses.redirect_uri());
        let mut tx = self.store.write().await?;
        let version = tx.registration(&issuer, &redirect_uri).await?.map_or(1, |have| have.version.saturating_add(1));
        // 0 means that it does not expire.
        let ends = expires_at_s.filter(|seconds| *seconds > 0);
        let expires_at = ends.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1_000)));
        let ciphertext = String::new();
        let mut stored = StoredRegistration { issuer, redirect_uri, version, ciphertext, expires_at };
        stored.ciphertext = lock_registration(&self.keys, &stored, registration)?;
        tx.put_registration(&stored).await?;
        Ok(tx.commit().await?)
    }
}

/// How a client proves itself: by its secret where it has one and that is understood, else not at all. A server that
/// names no methods knows Basic (RFC 8414 §2).
fn method(authority: &Authority, has_secret: bool) -> ClientAuthentication {
    use ClientAuthentication::{ClientSecretBasic, ClientSecretPost, None};
    let knows = |method: ClientAuthentication| match &authority.auth_methods {
        Some(methods) => methods.iter().any(|known| *known == method.to_string()),
        Option::None => method == ClientSecretBasic,
    };
    match has_secret {
        true if knows(ClientSecretBasic) => ClientSecretBasic,
        true if knows(ClientSecretPost) => ClientSecretPost,
        true if knows(None) => None,
        true => ClientSecretBasic,
        false => None,
    }
}

pub(super) fn no_address() -> OauthError {
    refused("mcpd does not know under which URL browsers reach it: set MCPD_PUBLIC_URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(known: Option<&[&str]>, has_secret: bool, expected: &str) {
        let mut authority = Authority::assumed(&Url::parse("https://x").unwrap()).unwrap();
        authority.auth_methods = known.map(|known| known.iter().map(ToString::to_string).collect());
        assert_eq!(method(&authority, has_secret).to_string(), expected, "{known:?}");
    }

    #[test]
    fn the_strongest_method_that_both_sides_know_is_used() {
        check(None, true, "client_secret_basic");
        check(Some(&["none", "client_secret_post", "client_secret_basic"]), true, "client_secret_basic");
        check(Some(&["none", "client_secret_post"]), true, "client_secret_post");
        check(Some(&["none"]), true, "none");
        check(Some(&["private_key_jwt"]), true, "client_secret_basic");
        check(Some(&["client_secret_basic"]), false, "none");
        check(None, false, "none");
    }

    #[test]
    fn a_client_on_this_machine_is_native_and_any_other_is_web() {
        let type_of = |url: &str| {
            metadata(&Addresses::new(url, None).unwrap(), ClientAuthentication::None)["application_type"].clone()
        };
        assert_eq!(type_of("http://127.0.0.1:3000"), "native");
        assert_eq!(type_of("https://mcpd.example"), "web");
    }
}
