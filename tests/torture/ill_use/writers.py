"""Who changes the vault: each writer has objects of its own."""

import threading

from book import Died, Link, notices, value_of

RULES = {"scripts": ["customscript_reader"], "allow_all_domains": True}


class Writer(threading.Thread):
    """Changes objects that nobody else does, until the daemon is gone or it is told to stop."""

    def __init__(self, run, names):
        super().__init__()
        self.run_, self.names, self.book = run, names, run.book

    def run(self):
        try:
            link = Link(self.run_.socket, self.run_.admin, self.run_)
            while self.run_.goes_on():
                self.step(link, self.run_.random.choice(self.names))
        except Died:
            pass
        except Exception as error:  # A driver's own fault is no pass.
            self.book.violation(f"the driver: {error!r}")

    def change(self, link, after, method, path, body=None, expect=(200, 201, 204)):
        """One change. `after`: by object, the state that it leads to."""
        for name, state in after.items():
            self.book.states[name].append(state)
        with self.book.lock:
            self.book.unknown += 1
        status, said, request = link.ask(method, path, body)
        with self.book.lock:
            self.book.unknown -= 1
        if status not in expect:
            for name in after:
                self.book.states[name].pop()
            if self.run_.seals and said["code"] == "sealed":
                return None
            self.book.violation(f"{method} {path}: {status} {said}")
            return None
        for name, state in after.items():
            self.book.states[name] = [state]
        with self.book.lock:
            self.book.acknowledged += 1
            self.book.changed.add(request)
        self.run_.acknowledged()
        return said


class Secrets(Writer):
    def step(self, link, name):
        book, dice = self.book, self.run_.random
        state = book.now(name)
        path, last = f"/v1/secrets/{name}", book.last.get(name, 0)
        tag, what = book.tag(large=True), dice.random()
        if state is None:
            book.may_be(name, last + 1, tag)
            body = {"id": name, "value": value_of(tag), "description": "made", "restrictions": RULES}
            if self.change(link, {name: ("made", last + 1, tag)}, "POST", "/v1/secrets", body) is not None:
                book.last[name] = last + 1
        elif what < 0.6:
            book.may_be(name, last + 1, tag)
            body = {"value": value_of(tag), "grace": dice.choice(("1h", "0s"))}
            after = {name: (state[0], last + 1, tag)}
            said = self.change(link, after, "POST", f"{path}/versions?force=true", body)
            if said is not None:
                if said["version"] != last + 1:
                    book.violation(f"{name}: version {said['version']} after {last}")
                book.last[name] = last + 1
        elif what < 0.7:
            book.may_be(name, last + 1, tag)
            body = {"value": value_of(tag), "activate": False}
            # Pending: the current one stays.
            if self.change(link, {name: state}, "POST", f"{path}/versions?force=true", body) is not None:
                book.last[name] = last + 1
                after = {name: (state[0], last + 1, tag)}
                self.change(link, after, "POST", f"{path}/versions/{last + 1}/activate?force=true")
        elif what < 0.9:
            text = f"edit {tag}"
            self.change(link, {name: (text, *state[1:])}, "PATCH", path, {"description": text})
        else:
            self.change(link, {name: None}, "DELETE", path)


class Imports(Writer):
    """Five secrets at once; then each goes by itself."""

    def step(self, link, _):
        book = self.book
        there = [name for name in self.names if book.now(name)]
        if there:
            self.change(link, {there[0]: None}, "DELETE", f"/v1/secrets/{there[0]}")
            return
        after, items = {}, []
        for name in self.names:
            tag, number = book.tag(large=False), book.last.get(name, 0) + 1
            book.may_be(name, number, tag)
            after[name] = ("", number, tag)
            items.append({"id": name, "value": value_of(tag), "restrictions": RULES})
        with book.lock:
            book.together = [self.names]
        if self.change(link, after, "POST", "/v1/imports", {"secrets": items}) is not None:
            for name in self.names:
                book.last[name] = after[name][1]
            with book.lock:
                book.together = []


class Pair(Writer):
    def step(self, link, name):
        book = self.book
        state = book.now(name)
        tag, number = book.tag(large=True), state[0] + 1
        book.may_be(name, number, tag)
        half = value_of(tag)
        body = {"client_id": f"i{half}", "client_secret": f"s{half}", "grace": self.run_.random.choice(("1h", "0s"))}
        path = "/v1/integrations/fsm/credentials?force=true"
        said = self.change(link, {name: (number, tag)}, "POST", path, body)
        if said is not None and said["version"] != number:
            book.violation(f"the pair: version {said['version']}, {number} expected")


class Callers(Writer):
    def step(self, link, name):
        state, path = self.book.now(name), f"/v1/callers/{name}"
        tag = self.book.tag(large=False)
        if state is None or state[0] == "revoked":
            body = {"name": name, "service": {"script": "customscript_other"}, "mail": f"{tag}@example.com"}
            self.change(link, {name: ("active", body["mail"])}, "POST", "/v1/callers", body)
        elif self.run_.random.random() < 0.6:
            mail = f"{tag}@example.com"
            self.change(link, {name: ("active", mail)}, "PATCH", path, {"mail": mail})
        else:
            self.change(link, {name: ("revoked", state[1])}, "DELETE", path)


class Operators(Writer):
    """As callers; and each has a key, so that a full one stands in `tls/` too."""

    def step(self, link, name):
        state, path = self.book.now(name), f"/v1/callers/{name}"
        level = self.run_.random.choice(("full", "full", "edit", "view"))
        if state is None or state[0] == "revoked":
            mail = f"{self.book.tag(large=False)}@example.com"
            body = {"name": name, "operator": {"level": level, "employee": "bob"}, "mail": mail}
            said = self.change(link, {name: ("active", mail, level)}, "POST", "/v1/callers", body)
            if said is not None:
                self.run_.keep_identity(mail, said)
        elif self.run_.random.random() < 0.6:
            self.change(link, {name: (*state[:2], level)}, "PATCH", path, {"operator": {"level": level}})
        else:
            self.change(link, {name: ("revoked", *state[1:])}, "DELETE", path)


class Notices(Writer):
    """Acknowledges the notice of a secret that expires, or moves the date to have another."""

    def step(self, link, name):
        state = self.book.now(name)
        if state[1] or self.run_.random.random() < 0.5:
            day = f"2020-0{self.run_.random.randint(1, 9)}-1{self.run_.random.randint(0, 9)}"
            if day != state[0]:
                self.change(link, {name: (day, False)}, "PATCH", f"/v1/secrets/{name}", {"expires_on": day})
            return
        if self.run_.seals and self.run_.sealed:
            return
        found = [each for each in notices(link) if each["subject"] == name and each["kind"] == "expiry"]
        if len(found) != 1:
            self.book.violation(f"{name}: {len(found)} notices")
            return
        self.change(link, {name: (state[0], True)}, "POST", f"/v1/notices/{found[0]['id']}/acknowledge")
