"""Who reads it, and knows what it may read."""

import random
import threading

from book import Died, Link, tag_of


class Reader(threading.Thread):
    """A service that reads everything, and looks whether it gets what was stored, whole and unmixed."""

    def __init__(self, run, where):
        super().__init__()
        self.run_, self.where = run, where

    def run(self):
        book = self.run_.book
        dice = random.Random(self.run_.random.random())
        try:
            link = Link(self.where, self.run_.reader, self.run_)
            pair = Link(self.where, self.run_.fsm, self.run_)
            while self.run_.goes_on():
                if dice.random() < 0.5:
                    read_pair(book, pair)
                else:
                    read_secret(book, link, dice.choice(self.run_.secrets))
        except Died:
            pass
        except Exception as error:
            book.violation(f"a reader: {error!r}")


def read_secret(book, link, name, version=""):
    status, said, request = link.ask("GET", f"/v1/secrets/{name}/value{version}")
    if status != 200:
        if status not in (403, 404) and said["code"] != "sealed":
            book.violation(f"reading {name}: {status} {said}")
        return None
    tag = tag_of(said["value"])
    with book.lock:
        book.served.add(request)
        book.reads += 1
        allowed = book.numbered.get((name, said["version"]), ())
    if tag not in allowed:
        book.violation(f"{name} {said['version']} reads {tag}")
    return said["version"], tag


def read_pair(book, link):
    status, said, request = link.ask("GET", "/v1/integrations/fsm/credentials")
    if status != 200:
        if said["code"] != "sealed":
            book.violation(f"reading the pair: {status} {said}")
        return None
    first, second = tag_of(said["client_id"][1:]), tag_of(said["client_secret"][1:])
    with book.lock:
        book.served.add(request)
        book.reads += 1
        allowed = book.numbered.get(("fsm", said["version"]), ())
    if first != second or said["client_id"][0] + said["client_secret"][0] != "is":
        book.violation(f"a mixed pair: {first} and {second}")
    elif first not in allowed:
        book.violation(f"the pair {said['version']} reads {first}")
    return said["version"], first
