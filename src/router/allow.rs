//! Which methods a path understands: what an answer with status 405 says (RFC 9110 §15.5.6).

use http::{HeaderValue, Method};
use poem::{IntoEndpoint, Route, get, post};

/// The methods of every path. A segment that begins with `:` or `{` stands for any.
#[derive(Debug, Default)]
pub(super) struct Allowed(Vec<(String, Vec<Method>)>);

impl Allowed {
    /// Adds what other parts serve.
    pub(super) fn and(mut self, paths: Vec<(String, Vec<Method>)>) -> Self {
        self.0.extend(paths);
        self
    }

    /// The value of `Allow` for a path; absent: it is none.
    pub(super) fn header(&self, path: &str) -> Option<HeaderValue> {
        let fitting = || self.0.iter().filter_map(|known| Some((literals(&known.0, path)?, &known.1)));
        // The router prefers what is written out to what stands for anything.
        let best = fitting().map(|(literals, _)| literals).max()?;
        let of_best = || fitting().filter(|(literals, _)| *literals == best).flat_map(|(_, methods)| methods);
        let mut names: Vec<&str> = of_best().map(Method::as_str).collect();
        if names.contains(&"GET") {
            // RFC 9110 §9.3.2: whatever is read can be asked for without its content.
            names.push("HEAD");
        }
        names.sort_unstable();
        names.dedup();
        HeaderValue::from_str(&names.join(", ")).ok()
    }
}

/// How many segments of a template are the path's own; absent: it is not of this template.
fn literals(template: &str, path: &str) -> Option<usize> {
    let (mut wanted, mut found) = (template.split('/'), path.split('/'));
    let mut literals = 0;
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(literals),
            (Some(wanted), Some(found)) if wanted.starts_with([':', '{']) && !found.is_empty() => {}
            (Some(wanted), Some(found)) if wanted == found => literals += 1,
            (Some(_) | None, Some(_) | None) => return None,
        }
    }
}

/// The routes of pages, with their methods.
#[derive(Default)]
pub(super) struct Pages {
    routes: Route,
    allowed: Allowed,
}

impl Pages {
    /// A page that is only looked at.
    pub(super) fn page<E>(mut self, path: &'static str, page: E) -> Self
    where
        E: IntoEndpoint,
        E::Endpoint: 'static,
    {
        self.allowed.0.push((path.to_owned(), vec![Method::GET]));
        Self { routes: self.routes.at(path, get(page)), ..self }
    }

    /// A page with a form that is sent to the same address.
    pub(super) fn form<G, P>(mut self, path: &'static str, page: G, sent: P) -> Self
    where
        G: IntoEndpoint,
        G::Endpoint: 'static,
        P: IntoEndpoint,
        P::Endpoint: 'static,
    {
        self.allowed.0.push((path.to_owned(), vec![Method::GET, Method::POST]));
        Self { routes: self.routes.at(path, get(page).post(sent)), ..self }
    }

    /// Where a form of another page is sent.
    pub(super) fn sent<E>(mut self, path: &'static str, sent: E) -> Self
    where
        E: IntoEndpoint,
        E::Endpoint: 'static,
    {
        self.allowed.0.push((path.to_owned(), vec![Method::POST]));
        Self { routes: self.routes.at(path, post(sent)), ..self }
    }

    /// The routes, and what to say of them.
    pub(super) fn done(self) -> (Route, Allowed) {
        (self.routes, self.allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_methods_of_the_template_that_fits_best() {
        let known = [
            ("/users/{id}", vec![Method::GET, Method::PUT]),
            ("/users/:id", vec![Method::DELETE]),
            ("/users/me", vec![Method::POST]),
        ];
        let known = known.map(|(path, methods)| (path.to_owned(), methods));
        let allowed = Allowed::default().and(known.into());
        let header = |path| allowed.header(path).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("/users/1").as_deref(), Some("DELETE, GET, HEAD, PUT"));
        assert_eq!(header("/users/me").as_deref(), Some("POST"));
        for unknown in ["/users", "/users/", "/users/1/2", "/"] {
            assert_eq!(header(unknown), None, "{unknown}");
        }
    }
}
