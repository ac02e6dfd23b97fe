"""Who somebody is, in the words of an OpenID Connect provider. Central type: `provider.Provider`.

`issuer`, `journey` and `claims` are light; `provider` brings an HTTP client and cryptography along, so whoever
composes the gateway imports it only where an issuer is configured.
"""
