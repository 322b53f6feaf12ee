"""What the suite's browser does on our pages: steps by the element ids that `src/web/mod.rs` promises."""


class Pages:
    """The steps for one provider: where its pages are and who signs in."""

    def __init__(self, provider, user):
        self.provider, self.user = provider, user

    def steps(self):
        """An authorization request: sign in and consent where asked, then back."""
        return [self._authorization(self._sign_in(), self._consent(), _back())]

    def steps_with_photograph_of_second_sign_in(self):
        """The same; the sign-in page is the screenshot once the suite asks for one."""
        page = _wait("login-page", "Sign in", "update-image-placeholder-optional")
        return [self._authorization(self._sign_in(page), self._consent(), _back())]

    def photograph_of_sign_in(self):
        """An authorization request whose sign-in page is looked at by a human: name, logo and links of the client."""
        page = _wait("login-page", "Sign in", "update-image-placeholder")
        return [self._authorization(_task("sign-in page", self._at("/signin"), page))]

    def photograph_of_error(self, code):
        """An authorization request that ends on the error page."""
        page = _wait("error-code", code, "update-image-placeholder")
        return [self._authorization(_task("error page", self._at("/"), page))]

    def logout(self):
        """A logout that returns to the suite. Without a proof of who asks, our page asks; with one it moves on."""
        back = _task("back at the suite", "*", ["wait", "contains", "/post_logout_redirect", 20])
        return [*self.steps(), self._end_session(self._confirm(), back)]

    def logout_without_redirect(self):
        """A logout that ends on our own page."""
        page = _wait("signed-out-page", "signed out", "update-image-placeholder")
        return [*self.steps(), self._end_session(self._confirm(), _task("signed-out page", self._at("/"), page))]

    def logout_refused(self):
        """A logout to an address that is not registered: an error page."""
        page = _wait("error-code", "invalid_post_logout_redirect_uri", "update-image-placeholder")
        return [*self.steps(), self._end_session(_task("error page", self._at("/"), page))]

    def logout_questioned(self):
        """A logout without a valid `id_token_hint`: the question, and never a redirect."""
        page = _wait("logout-page", "Sign out", "update-image-placeholder")
        return [*self.steps(), self._end_session(_task("confirmation", self._at("/"), page))]

    def _authorization(self, *tasks):
        return {"match": f"{self.provider.authorization_endpoint}*", "tasks": list(tasks)}

    def _end_session(self, *tasks):
        return {"match": f"{self.provider.end_session_endpoint}*", "tasks": list(tasks)}

    def _at(self, path):
        return f"{self.provider.origin}{path}*"

    def _sign_in(self, *first):
        task = _task(
            "sign in",
            self._at("/signin"),
            *first,
            ["text", "id", "identifier", self.user.login],
            ["text", "id", "password", self.user.password],
            ["click", "id", "login-submit"],
        )
        return task | {"optional": True}

    def _consent(self):
        return _task("consent", self._at("/consent"), ["click", "id", "consent-accept"]) | {"optional": True}

    def _confirm(self):
        task = _task("confirm", self._at("/"), ["click", "id", "logout-confirm", "optional"])
        return task | {"optional": True}


def _back():
    return _task("back at the suite", "*/test/*/callback*", ["wait", "id", "submission_complete", 15])


def _task(name, match, *commands):
    return {"task": name, "match": match, "commands": list(commands)}


def _wait(element, text, photograph):
    return ["wait", "id", element, 10, text, photograph]
