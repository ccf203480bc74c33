"""An application with a login by OpenID Connect: Flask with Authlib, which knows inner names only.

python oidc_client.py PORT PROVIDER_PORT
"""

import os
import socket
import sys

import waitress
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for

PORT, PROVIDER_PORT = int(sys.argv[1]), int(sys.argv[2])
PROVIDER = f"http://idp.internal:{PROVIDER_PORT}/o"

_look_up = socket.getaddrinfo


def look_up(host: str, *more: object) -> object:
    """The DNS of the inner network."""
    return _look_up("127.0.0.1" if host.endswith(".internal") else host, *more)


app = Flask(__name__)
app.secret_key = "not a secret"
oauth = OAuth(app)
oauth.register(
    "idp",
    client_id="client",
    client_secret="client secret",
    server_metadata_url=f"{PROVIDER}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid", "code_challenge_method": "S256"},
)


@app.get("/")
def home() -> str:
    if user := session.get("user"):
        return f"<p id=who>user {user['sub']} of {user['iss']}</p><a href={url_for('logout')}>Log out</a>"
    return f"<p id=who>nobody</p><a href={url_for('login')}>Log in</a>"


@app.get("/login")
def login() -> object:
    return oauth.idp.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback() -> object:
    token = oauth.idp.authorize_access_token()
    session["user"], session["token"] = token["userinfo"], token["id_token"]
    return redirect(url_for("home", _external=True))


@app.get("/logout")
def logout() -> object:
    return oauth.idp.logout_redirect(
        post_logout_redirect_uri=url_for("goodbye", _external=True), id_token_hint=session.pop("token")
    )


@app.get("/goodbye")
def goodbye() -> object:
    oauth.idp.validate_logout_response()
    session.clear()
    return redirect("/")


if __name__ == "__main__":
    socket.getaddrinfo = look_up
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    waitress.serve(app, listen=f"127.0.0.1:{PORT}")
