"""The page on which to draw or photograph digits, and the HTTP API that it uses."""
