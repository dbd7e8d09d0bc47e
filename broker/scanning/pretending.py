"""What stands where a secret would, and is none: placeholders, examples, references, verifiers."""

import re
from typing import Final

_REFERENCES: Final = re.compile(
    r"""(?xi)
    \$[\w{(]            # $NAME, ${NAME}, $(command), ${{ secrets.NAME }}
    |.{0,80}\$\{        # anything that a variable is put into
    |.{0,80}\{[a-z_][\w.]{0,23}\}   # {name}, in a text that is filled in
    |\{\{ | \{% | <%    # templates
    |%[a-z_]\w*%        # %NAME%
    |\#\{ | %\{
    |(?:process\.)?env[.:[(]
    |os\.(?:environ|getenv)
    |(?:op|vault|secret|secretsmanager|ssm|keyring|keychain|file|env|gcp|azure|projects|arn|bao|sops|ref)
        (?:\+\w+)?:
    |arn: | projects/[\w-]+/secrets/
    |!\w+ | !!\w+       # a YAML tag: the value is elsewhere
    |@\w+@ | @[./]      # @NAME@, @file
    |secrets?\.\w | vars?\.\w | inputs?\.\w | local\.\w | data\.\w | config\.\w | settings\.\w
    """
)

_PATHS: Final = re.compile(
    r"(?i)(?:[a-z]:\\|~?\.{0,2}/[\w.~-])|.*\.(?:pem|key|crt|json|ya?ml|txt|env|sock)\Z"
)

_ADDRESSES: Final = re.compile(r"(?i)[a-z][a-z0-9+.-]{1,20}://[^@]*\Z")

_PLACEHOLDERS: Final = re.compile(
    r"""(?xi)
    .{0,120}(?:
        example | change[_-]?(?:me|it|this) | changeit | placeholder | redact
        | replace[_ -]?(?:me|with|this) | your[_ -] | my[_-](?:secret|token|password|key|api)
        | insert[_ -] | goes[_ -]here | [_-]here\b | dummy | fake | todo | fixme | sample | foobar
        | not[_-]?(?:a|so)?[_-]?(?:real|secret) | lorem
        | x{5} | \*{3} | \.{3} | …
        | 0123456789abcdef\Z | 1234567890\Z | abcdefghijkl | deadbeef
    )
    | <.*> | <[a-z-]+\Z | .{0,120}«[^»]*(?:»|\Z) | \[.*\] | \{.*\}
    """
)

_WORDS: Final = frozenset(
    [
        *("password", "passwd", "pass", "secret", "token", "key", "none", "null"),
        *("nil", "true", "false", "yes", "no", "on", "off", "test"),
        *("tests", "testing", "admin", "root", "user", "guest", "postgres", "mysql"),
        *("redis", "default", "string", "required", "optional", "empty", "undefined", "bearer"),
        *("basic", "inherit", "read", "write", "none.", "nothing", "hidden", "masked"),
        *("unset", "value", "values", "env", "file", "hunter2", "letmein", "any"),
        *("all", "auto", "always", "never", "enabled", "disabled", "unknown", "anonymous"),
        *("public", "private", "x-oauth-basic", "x-token-auth", "oauth2"),
    ]
)

_VERIFIERS: Final = re.compile(
    r"(?:\$(?:2[abxy]|5|6|argon2\w*|pbkdf2\S*|scrypt|y)\$|\{S?SHA\d*\}|SCRAM-SHA-|md5[0-9a-f]{32}\Z"
    r"|sha(?:1|224|256|384|512)[-:]|pbkdf2[_:]|scrypt:|ssh-(?:rsa|ed25519) |ecdsa-sha2-"
    r"|-----BEGIN (?:PUBLIC|CERTIFICATE))"
)
"""Of these nobody gets back in: they check a secret, or are the public half of one."""

_UUID: Final = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z")

_FEWEST: Final = 4
"""A value with fewer different characters says nothing."""

_PUBLISHED: Final = frozenset(
    {"SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"}  # the signature of the token on jwt.io
)


def is_pretend(value: str) -> bool:
    """Tell whether a value is no secret by its own looks."""
    stripped = value.strip()
    return (
        len(set(stripped)) < _FEWEST
        or stripped.lower().strip("-_.!?") in _WORDS
        or any(published in stripped for published in _PUBLISHED)
        or any(form.match(stripped) for form in (_PLACEHOLDERS, _VERIFIERS, _REFERENCES))
    )


def is_elsewhere(value: str) -> bool:
    """Tell whether a value only says where something is: a path, or an address without a login."""
    return bool(_PATHS.match(value) or _ADDRESSES.match(value))


def is_identifier(value: str) -> bool:
    """Tell whether a value is a UUID, which names things and opens few of them."""
    return bool(_UUID.match(value))
