"""Pages for people and browser tests: plain HTML from the server, usable without JavaScript."""
