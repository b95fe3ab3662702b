//! A browser as far as the connect pages see one: a cookie, forms, links, and no redirect that is not looked at.

use crate::world::World;
use reqwest::{Client, Response, redirect::Policy};
use std::time::Duration;
use url::Url;

pub(crate) struct Browser {
    client: Client,
    origin: String,
    pub(crate) cookie: Option<String>,
}

/// A page, or where it sends the browser.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) location: Option<String>,
    pub(crate) policy: String,
}

impl Page {
    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        let (_, rest) =
            self.text.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{}", self.text));
        unescape(rest.split_once('"').unwrap().0)
    }

    /// Where the link on the page leads.
    pub(crate) fn link(&self) -> Url {
        let (_, rest) = self.text.split_once("<a href=\"").unwrap_or_else(|| panic!("{}", self.text));
        Url::parse(&unescape(rest.split_once('"').unwrap().0)).unwrap()
    }

    pub(crate) fn says(&self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(self.text.contains(text), "`{text}` is not in {}", self.text);
    }
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

impl Browser {
    pub(crate) fn new(world: &World) -> Self {
        let client = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build().unwrap();
        Self { client, origin: format!("http://{}", world.address), cookie: None }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        let mut request = self.client.get(url);
        if let Some(cookie) = self.cookie.as_ref().filter(|_| url.starts_with(&self.origin)) {
            request = request.header("cookie", cookie);
        }
        let response = request.send().await.unwrap();
        self.read(response).await
    }

    /// Sends a form to `path`.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let origin = self.origin.clone();
        self.post_from(Some(&origin), path, fields).await
    }

    /// The same from a page of another origin, or from no browser.
    pub(crate) async fn post_from(&mut self, origin: Option<&str>, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self
            .client
            .post(format!("{}{path}", self.origin))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        for (name, value) in [("cookie", self.cookie.as_deref()), ("origin", origin)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = request.send().await.unwrap();
        self.read(response).await
    }

    /// Logs in and comes back to the page of `server`.
    pub(crate) async fn log_in(&mut self, server: &str, token: &str, ticket: &str) -> Page {
        let page =
            self.post("/login", &[("token", token), ("server", server), ("ticket", ticket), ("scope", "")]).await;
        match page.location.clone() {
            Some(place) => self.get(&place).await,
            None => page,
        }
    }

    /// Agrees on the consent page; where that leads.
    pub(crate) async fn agree(&mut self, server: &str, page: &Page) -> Page {
        let names = ["form_token", "issuer", "ticket", "scope"];
        let fields: Vec<(&str, String)> = names.map(|name| (name, page.field(name))).into_iter().collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post(&format!("/connect/{server}"), &fields).await
    }

    /// Follows the whole way to the authorization server; where it sends the browser back to.
    pub(crate) async fn consent(&mut self, server: &str, page: &Page) -> String {
        let onward = self.agree(server, page).await;
        onward.says(200, "http-equiv=\"refresh\"");
        self.get(onward.link().as_str()).await.location.expect("a redirect back")
    }

    async fn read(&mut self, response: Response) -> Page {
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        if let Some(cookie) = header("set-cookie") {
            let pair = cookie.split(';').next().unwrap().to_owned();
            self.cookie = (!pair.ends_with('=')).then_some(pair);
        }
        Page {
            status: response.status().as_u16(),
            location: header("location"),
            policy: header("content-security-policy").unwrap_or_default(),
            text: response.text().await.unwrap(),
        }
    }
}
