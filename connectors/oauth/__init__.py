"""OAuth 2: who gives tokens and what their refusals mean, the authorizers of the clients, and a person's consent."""
