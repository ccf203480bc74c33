// Markup in strings: each quote of an attribute has a backslash before it.
document.querySelector("#menu").innerHTML =
  "<p><a href=\"http://privateserver:8080/arrived?from=menu\">News</a></p>" +
  "<form method=\"post\" action=\"http://privateserver:8080/login\"><button>Log in</button></form>";
