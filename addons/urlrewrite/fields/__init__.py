"""Header fields made true for the public name: response and request lines in, lines and a list of changes out.

Start at `urls.rewrite_response_fields` for responses and at `forwarding` for requests; `validators` keeps caches
honest.
"""
